import { listModels } from './api.js';
import { element } from './dom.js';
import { read, write } from './storage.js';

/** The models that are served, and which of them is asked. */
export class Models {
  #select = document.getElementById('model');
  #ids = null;

  constructor() {
    this.#select.addEventListener('change', () => write('model', this.#select.value));
  }

  /** The identifier of the model to ask; throws ApiError where the server does not say which there are. */
  async chosen(key, signal) {
    if (this.#ids === null) {
      this.#show(await listModels(key, signal));
    }
    return this.#select.value;
  }

  #show(ids) {
    const kept = read('model');
    this.#select.replaceChildren(...ids.map(id => element('option', { value: id }, id)));
    if (ids.includes(kept)) {
      this.#select.value = kept;
    }
    this.#select.disabled = ids.length < 2;
    this.#select.hidden = ids.length === 0;
    this.#ids = ids;
  }
}
