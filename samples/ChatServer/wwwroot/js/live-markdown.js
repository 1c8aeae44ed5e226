import { parseBlocks, renderBlocks, renderPlain } from './markdown.js';
import { patchChildren } from './patch.js';

// Of the time, at most a fifth is spent on drawing, however long the block is that grows.
const pause = 4;

/** Shows a growing text. Blocks that cannot change any more are drawn once; only what follows them is parsed and drawn again. */
export class LiveMarkdown {
  #container;
  #drawn;
  #text = '';
  #settledText = 0;
  #settledNodes = 0;
  #frame = 0;
  #notBefore = 0;

  /** `drawn` is called after each change of what is shown. */
  constructor(container, drawn) {
    this.#container = container;
    this.#drawn = drawn;
  }

  /** Shows the text, which begins with what was given before, at the next frame that has time for it. */
  grow(text) {
    this.#text = normalise(text);
    if (this.#frame === 0) {
      this.#frame = requestAnimationFrame(time => this.#drawWhenDue(time));
    }
  }

  /** Shows the whole text now. */
  finish(text) {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.#text = normalise(text);
    this.#draw(false);
  }

  #drawWhenDue(time) {
    if (time < this.#notBefore) {
      this.#frame = requestAnimationFrame(next => this.#drawWhenDue(next));
      return;
    }
    this.#frame = 0;
    const start = performance.now();
    this.#draw(true);
    const end = performance.now();
    this.#notBefore = end + pause * (end - start);
  }

  #draw(partial) {
    const rest = this.#text.slice(this.#settledText);
    const blocks = parseBlocks(rest, partial);
    if (blocks === null) {
      patchChildren(this.#container, this.#settledNodes, renderPlain(rest));
    } else {
      const settled = settledBlocks(blocks, rest);
      const before = renderBlocks(blocks.slice(0, settled));
      patchChildren(this.#container, this.#settledNodes, [...before, ...renderBlocks(blocks.slice(settled))]);
      this.#settledNodes += before.length;
      this.#settledText += blocks.slice(0, settled).reduce((sum, block) => sum + block.raw.length, 0);
    }
    this.#drawn();
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
  return text.startsWith(blocks.slice(0, Math.max(settled, 0)).map(block => block.raw).join('')) ? Math.max(settled, 0) : 0;
}
