const svgNamespace = 'http://www.w3.org/2000/svg';

/** An element; a function among the properties listens to the event it is named for, null and false leave an attribute out. */
export function element(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === 'function') {
      node.addEventListener(name, value);
    } else if (value !== null && value !== false) {
      node.setAttribute(name, value === true ? '' : value);
    }
  }
  node.append(...children.filter(child => child !== null));
  return node;
}

export function icon(name) {
  const svg = document.createElementNS(svgNamespace, 'svg');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS(svgNamespace, 'use');
  use.setAttribute('href', `#icon-${name}`);
  svg.append(use);
  return svg;
}

export const iconButton = (iconName, label, click, properties = {}) => element(
  'button', { type: 'button', class: 'icon-button', 'aria-label': label, title: label, click, ...properties }, icon(iconName));

/** Writes only what differs, so that neither a reader's selection nor a screen reader is disturbed by what stays as it was. */
export function setText(node, text) {
  if (node.textContent !== text) {
    node.textContent = text;
  }
}

/** Copies text and says so on the button for a moment. */
export async function copy(text, button) {
  const label = button.getAttribute('aria-label');
  let said = 'Copied';
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    said = copySelected(text) ? said : 'Copying is not allowed here';
    button.focus();
  }
  button.setAttribute('aria-label', said);
  button.title = said;
  button.classList.toggle('done', said === 'Copied');
  setTimeout(() => {
    button.setAttribute('aria-label', label);
    button.title = label;
    button.classList.remove('done');
  }, 1500);
}

// The way for a page that comes unencrypted from another machine, to which browsers give no clipboard.
function copySelected(text) {
  const field = element('textarea', { class: 'hidden', 'aria-hidden': 'true', readonly: true });
  field.value = text;
  document.body.append(field);
  field.select();
  const copied = document.execCommand('copy');
  field.remove();
  return copied;
}
