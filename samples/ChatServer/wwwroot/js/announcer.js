const interval = 4000;

/** Reads a growing answer to a screen reader in whole sentences, now and then, in place of every token. */
export class Announcer {
  #region;
  #said = 0;
  #last = 0;

  constructor(region) {
    this.#region = region;
  }

  say(text) {
    this.#region.textContent = text;
  }

  begin() {
    this.#said = 0;
    this.#last = performance.now();
    this.say('Answering.');
  }

  grow(text) {
    if (performance.now() - this.#last < interval) {
      return;
    }
    const sentences = text.slice(this.#said).match(/^[\s\S]*[.!?:]\s/)?.[0];
    if (sentences !== undefined) {
      this.#last = performance.now();
      this.#said += sentences.length;
      this.say(spoken(sentences));
    }
  }

  end(text, outcome) {
    this.say(`${spoken(text.slice(this.#said))} ${outcome}`.trim());
  }
}

const spoken = text => text.replace(/```[\s\S]*?(?:```|$)/g, ' (code) ').replace(/[*#`|>]+|\\[()[\]]/g, ' ').replace(/\s+/g, ' ').trim();
