import '../lib/dompurify/purify.min.js';
import '../lib/katex/katex.min.js';

// These two are published as scripts that leave a global variable; the rest of the page imports them like the others.
export const { DOMPurify, katex } = globalThis;
export { Marked } from '../lib/marked/marked.esm.js';
export { default as hljs } from '../lib/highlight/highlight.min.js';
