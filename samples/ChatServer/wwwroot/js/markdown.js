import { DOMPurify, Marked, hljs } from './libraries.js';
import { element, iconButton } from './dom.js';
import { mathsExtensions, typesetFormula } from './maths.js';

// Colouring a longer block would hold up the page more than it would help a reader.
const longestColoured = 20_000;

// All that the renderer below makes. Nothing of a model's answer becomes an element, an attribute or an address beyond these.
const purified = {
  RETURN_DOM_FRAGMENT: true,
  ALLOWED_TAGS: ['p', 'br', 'hr', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'strong', 'em', 'del', 'sub', 'sup', 'code', 'pre', 'blockquote',
    'ul', 'ol', 'li', 'a', 'span', 'table', 'thead', 'tbody', 'tr', 'th', 'td'],
  ALLOWED_ATTR: ['href', 'title', 'class', 'start', 'align'],
  ADD_URI_SAFE_ATTR: ['start', 'align'],
  ALLOWED_URI_REGEXP: /^(?:https?|mailto):/i,
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
};
const colours = { RETURN_DOM_FRAGMENT: true, ALLOWED_TAGS: ['span'], ALLOWED_ATTR: ['class'], ALLOW_DATA_ATTR: false, ALLOW_ARIA_ATTR: false };

const escape = text => text.replace(/[&<>"']/g, character => `&#${character.charCodeAt(0)};`);

const maths = ({ raw, tex, display, closed }) => closed
  ? `<span class="maths ${display ? 'display' : 'inline'}">${escape(tex)}</span>`
  : `<span class="unfinished">${escape(raw)}</span>`;

const markdown = new Marked({
  gfm: true,
  extensions: mathsExtensions(maths),
  renderer: {
    // HTML that a model writes is shown as the text that it is, but for the three elements tables and formulas in prose need.
    html: ({ text, block }) => /^\s*<\/?(?:br|sub|sup)\s*\/?>\s*$/i.test(text) ? text
      : block ? `<p class="markup">${escape(text.trimEnd())}</p>` : escape(text),
    code: ({ text, lang }) => `<pre><code class="language-${(lang ?? '').match(/^[\w+#-]{0,20}/)[0]}">${escape(text)}</code></pre>`,
    // A picture would be fetched from wherever the model says, with whatever it has put into the address: it stays a link.
    image: ({ href, text }) => `<a href="${escape(href)}">${escape(text || 'Picture')}</a>`,
    checkbox: ({ checked }) => checked ? '☑ ' : '☐ ',
  },
});

/**
 * The blocks of a text, each with its `raw` source. In a partial text, which still grows, a formula without an end reaches to the end.
 * Null for a text nested too deeply to be parsed.
 */
export function parseBlocks(text, partial) {
  try {
    return markdown.lexer(text, { ...markdown.defaults, partial });
  } catch (error) {
    if (error instanceof RangeError) {
      return null;
    }
    throw error;
  }
}

/** The nodes of some blocks. */
export function renderBlocks(blocks) {
  let fragment;
  try {
    fragment = DOMPurify.sanitize(markdown.parser(blocks), purified);
  } catch (error) {
    if (error instanceof RangeError) {
      return renderPlain(blocks.map(block => block.raw).join(''));
    }
    throw error;
  }
  fragment.querySelectorAll('a').forEach(finishLink);
  fragment.querySelectorAll('.maths').forEach(finishFormula);
  fragment.querySelectorAll('pre').forEach(finishCode);
  fragment.querySelectorAll('table').forEach(table => {
    const scroller = element('div', { class: 'table', tabindex: '0', role: 'region', 'aria-label': 'Table' });
    table.replaceWith(scroller);
    scroller.append(table);
  });
  return [...fragment.childNodes];
}

/** A text as it is. */
export const renderPlain = text => [element('p', { class: 'markup' }, text)];

function finishLink(link) {
  if (link.hasAttribute('href')) {
    link.target = '_blank';
    link.rel = 'noopener noreferrer nofollow';
  } else {
    link.replaceWith(...link.childNodes);
  }
}

function finishFormula(place) {
  const formula = typesetFormula(place.textContent, place.classList.contains('display'));
  if (formula !== null) {
    place.replaceChildren(formula);
  } else {
    place.replaceWith(element('code', { class: 'formula' }, place.textContent));
  }
}

function finishCode(pre) {
  const code = pre.firstElementChild;
  const text = code.textContent;
  const language = code.className.slice('language-'.length);
  if (text.length <= longestColoured && hljs.getLanguage(language)) {
    code.replaceChildren(DOMPurify.sanitize(hljs.highlight(text, { language, ignoreIllegals: true }).value, colours));
  }
  pre.tabIndex = 0;
  pre.setAttribute('role', 'region');
  pre.setAttribute('aria-label', language === '' ? 'Code' : `Code, ${language}`);
  const block = element('div', { class: 'code' }, element('div', { class: 'code-bar' },
    element('span', {}, language), iconButton('copy', 'Copy code', null, { 'data-copy': 'code' })));
  pre.replaceWith(block);
  block.append(pre);
}
