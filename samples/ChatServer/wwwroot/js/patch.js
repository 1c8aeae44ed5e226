/**
 * Makes the children of a parent from the given index on equal to the wanted nodes, touching only what differs: text that grows keeps its node,
 * so nothing flickers and what a reader has selected or opened stays so. What follows them is left as it is.
 */
export function patchChildren(parent, from, wanted) {
  let current = parent.childNodes[from] ?? null;
  for (const node of wanted) {
    if (current === null) {
      parent.append(node);
      continue;
    }
    const next = current.nextSibling;
    if (!current.isEqualNode(node)) {
      patchNode(current, node);
    }
    current = next;
  }
}

/** Removes the children of a parent from the given index on. */
export function truncateChildren(parent, from) {
  while (parent.childNodes.length > from) {
    parent.lastChild.remove();
  }
}

function patchNode(current, wanted) {
  if (current.nodeType === Node.TEXT_NODE && wanted.nodeType === Node.TEXT_NODE) {
    growText(current, wanted.data);
  } else if (current.nodeType === Node.ELEMENT_NODE && wanted.nodeType === Node.ELEMENT_NODE
    && current.cloneNode(false).isEqualNode(wanted.cloneNode(false))) {
    const children = [...wanted.childNodes];
    patchChildren(current, 0, children);
    truncateChildren(current, children.length);
  } else {
    current.replaceWith(wanted);
  }
}

function growText(node, text) {
  if (text.startsWith(node.data)) {
    node.appendData(text.slice(node.data.length));
  } else {
    node.data = text;
  }
}
