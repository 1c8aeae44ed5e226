import { DOMPurify, katex } from './libraries.js';

const delimiters = [
  { open: '$$', close: '$$', display: true },
  { open: '\\[', close: '\\]', display: true },
  { open: '\\(', close: '\\)', display: false },
];

// A formula longer than this is no formula, and typesetting it would hold up the page.
const longestFormula = 5000;
const remembered = 200;
const typeset = new Map();

/** Extensions of the Markdown parser that find formulas; `render` makes HTML of a token with `tex`, `display` and `closed`. */
export const mathsExtensions = render => [
  {
    name: 'mathsBlock',
    level: 'block',
    // Asked for once a paragraph, which ends at the first empty line.
    start: source => source.split('\n\n', 1)[0].match(/\n {0,3}(?:\$\$|\\\[)/)?.index,
    tokenizer(source) {
      const indent = source.match(/^ {0,3}/)[0].length;
      const token = formula(source, indent, this.lexer.options.partial);
      if (!token?.display) {
        return undefined;
      }
      const after = source.slice(token.raw.length).match(/^[ \t]*(?:\n|$)/);
      return after === null ? undefined : { ...token, type: 'mathsBlock', raw: token.raw + after[0] };
    },
    renderer: render,
  },
  {
    name: 'mathsInline',
    level: 'inline',
    start: source => source.match(/\$\$|\\\[|\\\(/)?.index,
    tokenizer(source) {
      const token = formula(source, 0, this.lexer.options.partial);
      return token === null ? undefined : { ...token, type: 'mathsInline' };
    },
    renderer: render,
  },
];

// The formula that begins at an index. One that has no end yet reaches to the end of a text that is still growing, and is none in a finished one.
function formula(source, index, partial) {
  const found = delimiters.find(({ open }) => source.startsWith(open, index));
  if (found === undefined) {
    return null;
  }
  const begin = index + found.open.length;
  const end = source.indexOf(found.close, begin);
  if (end < 0) {
    return partial ? { raw: source, tex: source.slice(begin), display: found.display, closed: false } : null;
  }
  const tex = source.slice(begin, end);
  return tex.trim() === '' ? null : { raw: source.slice(0, end + found.close.length), tex, display: found.display, closed: true };
}

/** A typeset formula, readable for assistive technology, or null where it cannot be typeset. */
export function typesetFormula(tex, display) {
  if (tex.length > longestFormula) {
    return null;
  }
  const key = (display ? 'd' : 'i') + tex;
  if (!typeset.has(key)) {
    if (typeset.size >= remembered) {
      typeset.delete(typeset.keys().next().value);
    }
    typeset.set(key, render(tex, display));
  }
  return typeset.get(key)?.cloneNode(true) ?? null;
}

// What is seen is built node by node, so that no style attribute is ever parsed and the page's policy can forbid them. What is read aloud is
// MathML, which is made of text and so purified.
function render(tex, displayMode) {
  const options = { displayMode, throwOnError: true, trust: false, strict: 'ignore', maxSize: 20, maxExpand: 500 };
  try {
    const formula = document.createElement('span');
    katex.render(tex, formula, { ...options, output: 'html' });
    DOMPurify.sanitize(formula, { IN_PLACE: true, USE_PROFILES: { html: true, svg: true } });
    const spoken = document.createElement('span');
    spoken.className = 'katex-mathml';
    spoken.append(DOMPurify.sanitize(katex.renderToString(tex, { ...options, output: 'mathml' }), {
      RETURN_DOM_FRAGMENT: true,
      USE_PROFILES: { mathMl: true },
      ADD_TAGS: ['semantics'],
      FORBID_CONTENTS: ['annotation'],
      FORBID_ATTR: ['style', 'href', 'id'],
    }));
    formula.querySelector('.katex').prepend(spoken);
    return formula;
  } catch {
    return null;
  }
}
