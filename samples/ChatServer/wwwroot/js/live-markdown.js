import { parseBlocks, renderBlocks, renderPlain } from './markdown.js';
import { patchChildren, truncateChildren } from './patch.js';

// Milliseconds after which the page is given back to its reader, who sees the rest in later frames.
const slice = 50;

// Of the time, at most a fifth is spent on drawing, however long the block is that grows.
const pause = 4;

/** Shows a growing text. Blocks that cannot change any more are drawn once; only what follows them is parsed and drawn again. */
export class LiveMarkdown {
  #container;
  #drawn;
  #text = '';
  #partial = true;
  #settledText = 0;
  #settledNodes = 0;
  #frame = 0;
  #notBefore = 0;

  /** `drawn` is called after each change of what is shown; until all is, the container is busy. */
  constructor(container, drawn) {
    this.#container = container;
    this.#drawn = drawn;
  }

  /** Shows the text, which begins with what was given before, at the next frame that has time for it. */
  grow(text) {
    this.#set(text, true);
    this.#schedule();
  }

  /** Shows the whole text, as much of it as can be now. */
  finish(text) {
    this.#set(text, false);
    this.#draw();
  }

  #set(text, partial) {
    this.#text = normalise(text);
    this.#partial = partial;
    this.#container.setAttribute('aria-busy', 'true');
  }

  #schedule() {
    if (this.#frame === 0) {
      this.#frame = requestAnimationFrame(time => {
        this.#frame = 0;
        if (time < this.#notBefore) {
          this.#schedule();
        } else {
          this.#draw();
        }
      });
    }
  }

  #draw() {
    const start = performance.now();
    const rest = this.#text.slice(this.#settledText);
    const blocks = parseBlocks(rest, this.#partial);
    const spent = performance.now() - start;
    if (blocks === null) {
      this.#drawTail(renderPlain(rest));
    } else if (this.#settle(blocks.splice(0, settledBlocks(blocks, rest)), start + Math.max(slice, 2 * spent))) {
      this.#drawTail(renderBlocks(blocks));
    } else {
      this.#schedule();
    }
    const now = performance.now();
    this.#notBefore = now + pause * (now - start);
    this.#drawn();
  }

  // Draws blocks for good; false where the time was over before all were.
  #settle(blocks, deadline) {
    for (const block of blocks) {
      if (performance.now() > deadline) {
        return false;
      }
      const nodes = renderBlocks([block]);
      patchChildren(this.#container, this.#settledNodes, nodes);
      this.#settledNodes += nodes.length;
      this.#settledText += block.raw.length;
    }
    return true;
  }

  #drawTail(nodes) {
    patchChildren(this.#container, this.#settledNodes, nodes);
    truncateChildren(this.#container, this.#settledNodes + nodes.length);
    this.#container.setAttribute('aria-busy', this.#partial);
  }
}

const normalise = text => text.replaceAll('\r\n', '\n').replaceAll('\r', '\n');

// A block can still take in what follows it, as a list does, until another block has begun with a whole line of its own.
function settledBlocks(blocks, text) {
  let settled = blocks.length;
  let rest = '';
  do {
    settled--;
    rest = (blocks[settled]?.raw ?? '') + rest;
  } while (settled > 0 && !rest.trimStart().includes('\n'));
  settled = Math.max(settled, 0);
  return text.startsWith(blocks.slice(0, settled).map(block => block.raw).join('')) ? settled : 0;
}
