/** Where a question is written. While an answer comes its button stops it. */
export class Composer {
  #form = document.getElementById('composer');
  #input = document.getElementById('question');
  #send = document.getElementById('send');
  #stop = document.getElementById('stop');

  constructor({ send, stop }) {
    this.#form.addEventListener('submit', event => {
      event.preventDefault();
      const text = this.#input.value.trim();
      if (text !== '' && !this.#send.hidden) {
        this.#input.value = '';
        this.#fit();
        send(text);
      }
    });
    this.#stop.addEventListener('click', stop);
    this.#input.addEventListener('input', () => this.#fit());
    this.#input.addEventListener('keydown', event => {
      if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        this.#form.requestSubmit();
      }
    });
    this.#fit();
  }

  focus() {
    this.#input.focus();
  }

  /** Says whether an answer is coming; the button that is there keeps the focus that the other had. */
  running(running) {
    const focused = document.activeElement === this.#send || document.activeElement === this.#stop;
    this.#send.hidden = running;
    this.#stop.hidden = !running;
    if (focused) {
      (running ? this.#stop : this.#input).focus();
    }
  }

  #fit() {
    this.#send.disabled = this.#input.value.trim() === '';
    this.#input.style.height = 'auto';
    this.#input.style.height = `${this.#input.scrollHeight}px`;
  }
}
