const nearEnd = 16;

/** Keeps the end of a scrolling element in view while it grows, until the reader scrolls away from it. */
export class Follow {
  #scroller;
  #following = true;
  #top = 0;
  #changed;

  /** `changed` is told whether the end is being followed. */
  constructor(scroller, changed) {
    this.#scroller = scroller;
    this.#changed = changed;
    scroller.addEventListener('scroll', () => {
      const { scrollTop, scrollHeight, clientHeight } = scroller;
      if (scrollHeight - clientHeight - scrollTop < nearEnd) {
        this.#following = true;
      } else if (scrollTop < this.#top) {
        this.#following = false;
      }
      this.#top = scrollTop;
      changed(this.#following);
    }, { passive: true });
  }

  /** To be called when the contents have grown. */
  grown() {
    if (this.#following) {
      this.toEnd();
    }
  }

  toEnd() {
    this.#following = true;
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#changed(true);
  }
}
