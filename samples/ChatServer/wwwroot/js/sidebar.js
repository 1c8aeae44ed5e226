import { element, iconButton } from './dom.js';
import { titleOf } from './chats.js';

/** The list of chats; on a narrow screen a drawer that a button opens. */
export class Sidebar {
  #panel = document.getElementById('sidebar');
  #list = document.getElementById('chats');
  #opener = document.getElementById('open-sidebar');
  #narrow = matchMedia('(max-width: 48rem)');

  constructor(actions) {
    this.actions = actions;
    this.#opener.addEventListener('click', () => this.#open(true));
    document.getElementById('close-sidebar').addEventListener('click', () => this.close());
    document.getElementById('backdrop').addEventListener('click', () => this.close());
    this.#panel.addEventListener('keydown', event => {
      if (event.key === 'Escape' && this.isOpen) {
        event.stopPropagation();
        this.close();
      }
    });
    this.#narrow.addEventListener('change', () => this.#open(false));
    this.#open(false);
  }

  get isOpen() {
    return this.#narrow.matches && document.body.classList.contains('sidebar-open');
  }

  close() {
    if (this.isOpen) {
      this.#open(false);
      this.#opener.focus();
    }
  }

  /** Lists the chats, those marked that are being answered. */
  show(chats, current, running) {
    const focused = document.activeElement?.closest('#chats li') === null ? null : document.activeElement;
    this.#list.replaceChildren(...chats.map(chat => {
      const title = titleOf(chat);
      return element('li', { 'data-chat': chat.id },
        element('button', {
          type: 'button', class: 'chat', 'aria-current': chat === current ? 'true' : null, title, click: () => this.actions.open(chat),
        }, element('span', {}, title), running.has(chat.id) ? element('span', { class: 'pulse', role: 'img', 'aria-label': 'is being answered' }) : null),
        iconButton('delete', `Delete chat: ${title}`, () => this.actions.delete(chat)));
    }));
    if (focused !== null) {
      const item = [...this.#list.children].find(({ dataset }) => dataset.chat === focused.closest('li').dataset.chat);
      item?.querySelector(focused.matches('.chat') ? '.chat' : '.icon-button').focus();
    }
  }

  // What is outside of a drawer's reach must be outside of the keyboard's too.
  #open(open) {
    document.body.classList.toggle('sidebar-open', open);
    this.#opener.setAttribute('aria-expanded', open);
    this.#panel.inert = this.#narrow.matches && !open;
    document.querySelector('main').inert = this.#narrow.matches && open;
    if (open) {
      this.#panel.querySelector('button').focus();
    }
  }
}
