import { copy, element, icon, iconButton, setText } from './dom.js';
import { isEmpty } from './chats.js';
import { LiveMarkdown } from './live-markdown.js';

const endings = {
  stopped: 'Stopped.',
  interrupted: 'Interrupted: the page was closed or reloaded before the answer ended.',
  length: 'The answer reached the limit of tokens.',
};

/** What was asked, as it was written, with its buttons; `edit(text)` is called with what it shall be instead. */
export class QuestionView {
  constructor(message, actions) {
    this.message = message;
    this.text = element('div', { class: 'bubble' }, message.content);
    this.editButton = iconButton('edit', 'Edit question', () => this.beginEdit());
    this.tools = element('div', { class: 'tools' },
      iconButton('copy', 'Copy question', event => copy(message.content, event.currentTarget)), this.editButton);
    this.element = element('li', { class: 'message question' }, element('h2', { class: 'hidden' }, 'You'), this.text, this.tools);
    this.edit = actions.edit;
  }

  update() {}

  beginEdit() {
    const input = element('textarea', { 'aria-label': 'Edit your question', rows: '3' });
    input.value = this.message.content;
    const end = () => {
      form.replaceWith(this.text, this.tools);
      this.editButton.focus();
    };
    const form = element('form', {
      class: 'edit',
      submit: event => {
        event.preventDefault();
        if (input.value.trim() !== '') {
          this.edit(input.value);
        }
      },
      keydown: event => {
        if (event.key === 'Escape') {
          event.stopPropagation();
          end();
        } else if (event.key === 'Enter' && !event.shiftKey && event.target === input && !event.isComposing) {
          event.preventDefault();
          form.requestSubmit();
        }
      },
    }, input, element('p', { class: 'hint' }, 'What followed this question is removed.'), element('div', { class: 'buttons' },
      element('button', { type: 'button', class: 'button', click: end }, 'Cancel'),
      element('button', { type: 'submit', class: 'button primary' }, 'Send')));
    this.tools.remove();
    this.text.replaceWith(form);
    input.focus();
  }
}

/** An answer while it comes and when it is there. */
export class AnswerView {
  #thinkingChosen = false;
  #clock = 0;

  constructor(message, actions, drawn) {
    this.message = message;
    this.summary = element('span', {});
    this.reasoning = element('div', { class: 'prose reasoning' });
    this.thinking = element('details', { class: 'thinking', toggle: () => this.#drawReasoning() },
      element('summary', { click: () => this.#thinkingChosen = true }, icon('chevron'), this.summary), this.reasoning);
    this.waiting = element('p', { class: 'waiting' }, element('span', { class: 'pulse', 'aria-hidden': 'true' }), element('span', {}));
    this.answer = element('div', { class: 'prose answer' });
    this.note = element('p', { class: 'note' });
    this.error = element('div', { class: 'error', role: 'alert' });
    this.figures = element('p', { class: 'figures' });
    this.tools = element('div', { class: 'tools' },
      iconButton('copy', 'Copy answer', event => copy(message.content, event.currentTarget)),
      iconButton('again', 'Answer again', () => actions.regenerate(message)));
    this.footer = element('div', { class: 'footer' }, this.tools, this.figures);
    this.element = element('li', { class: 'message reply', click: event => this.#copyCode(event) },
      element('h2', { class: 'hidden' }, 'Answer'), this.thinking, this.waiting, this.answer, this.note, this.error, this.footer);
    this.actions = actions;
    this.answerText = new LiveMarkdown(this.answer, drawn);
    this.reasoningText = new LiveMarkdown(this.reasoning, drawn);
    this.thinking.open = message.state === 'streaming' && message.content.trim() === '';
    this.update();
  }

  update() {
    const { message } = this;
    const running = message.state === 'streaming';
    const answering = message.content.trim() !== '';
    if (answering && this.thinking.open && !this.#thinkingChosen && running) {
      this.thinking.open = false;
    }
    this.thinking.hidden = message.reasoning.trim() === '';
    this.waiting.hidden = !running || !isEmpty(message);
    this.answer.hidden = !answering;
    this.footer.hidden = running || isEmpty(message);
    this.#drawReasoning();
    if (running) {
      this.answerText.grow(message.content);
    } else {
      this.answerText.finish(message.content);
    }
    this.#showClock();
    this.#showEnd();
    this.#run(running && !answering);
  }

  // Reasoning is long: it is drawn when it is looked at.
  #drawReasoning() {
    if (this.thinking.open) {
      if (this.message.state === 'streaming') {
        this.reasoningText.grow(this.message.reasoning);
      } else {
        this.reasoningText.finish(this.message.reasoning);
      }
    }
  }

  #showClock() {
    const { message } = this;
    const thinking = message.state === 'streaming' && message.thought === null;
    setText(this.summary, thinking
      ? `Thinking… ${duration(Date.now() - (message.thinkingSince ?? message.started))}`
      : message.thought === null ? 'Thoughts' : `Thought for ${duration(message.thought)}`);
    setText(this.waiting.lastChild, `Waiting for the model… ${duration(Date.now() - message.started)}`);
  }

  #run(needed) {
    if (needed && this.#clock === 0) {
      this.#clock = setInterval(() => this.element.isConnected ? this.#showClock() : this.#run(false), 500);
    } else if (!needed) {
      clearInterval(this.#clock);
      this.#clock = 0;
    }
  }

  #showEnd() {
    const { message } = this;
    const ending = endings[message.state] ?? (message.state === 'done' ? endings[message.finish] : undefined)
      ?? (message.state === 'done' && message.content.trim() === '' ? 'The model gave no answer.' : '');
    setText(this.note, ending);
    this.note.hidden = ending === '';
    if (ending !== '' && isEmpty(message)) {
      this.note.append(' ', element('button', { type: 'button', class: 'button', click: () => this.actions.regenerate(message) }, 'Answer again'));
    }
    setText(this.figures, figures(message));
    this.error.hidden = message.state !== 'failed';
    if (message.state !== 'failed') {
      this.error.replaceChildren();
    } else if (this.error.childElementCount === 0) {
      this.error.append(element('p', {}, message.error?.message ?? 'The answer failed.'), this.#retryButton());
    }
  }

  #retryButton() {
    const button = element('button', { type: 'button', class: 'button', click: () => this.actions.regenerate(this.message) }, 'Try again');
    const until = this.message.error?.retryAt ?? 0;
    if (until > Date.now()) {
      const tick = () => {
        const left = Math.ceil((until - Date.now()) / 1000);
        button.disabled = left > 0;
        button.textContent = left > 0 ? `Try again in ${left} s` : 'Try again';
        if (left <= 0) {
          clearInterval(timer);
        }
      };
      const timer = setInterval(tick, 500);
      tick();
    }
    return button;
  }

  #copyCode(event) {
    const button = event.target.closest('[data-copy=code]');
    if (button !== null) {
      copy(button.closest('.code').querySelector('pre').textContent, button);
    }
  }
}

export function duration(milliseconds) {
  const seconds = Math.round(milliseconds / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

function figures({ usage, firstAfter, rate }) {
  const count = (value, what) => Number.isFinite(value) ? `${value.toLocaleString('en')} ${what}` : null;
  return [
    count(usage?.completion, 'tokens'),
    usage?.reasoning ? count(usage.reasoning, 'of them thinking') : null,
    Number.isFinite(rate) ? `${rate.toFixed(1)} tokens/s` : null,
    Number.isFinite(firstAfter) ? `first after ${(firstAfter / 1000).toFixed(2)} s` : null,
    count(usage?.prompt, 'in the prompt'),
  ].filter(part => part !== null).join(' · ');
}
