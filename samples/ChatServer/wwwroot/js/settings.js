import { show } from './dialogs.js';
import { read, write } from './storage.js';

// The form's names, and what they are called in a request. An empty field leaves the choice to the server.
const numbers = { temperature: 'temperature', topP: 'top_p', maxTokens: 'max_tokens', seed: 'seed' };
const efforts = ['none', 'low', 'medium', 'high'];

/** What the reader has chosen, as the form holds it: texts by name. */
export function loadSettings() {
  const kept = read('settings');
  const text = name => typeof kept?.[name] === 'string' ? kept[name] : '';
  return Object.fromEntries(['system', 'thinking', ...Object.keys(numbers)].map(name => [name, text(name)]));
}

/** The settings as fields of a request. */
export function toRequestFields(settings) {
  const fields = {};
  for (const [name, field] of Object.entries(numbers)) {
    const value = Number(settings[name]);
    if (settings[name] !== '' && Number.isFinite(value)) {
      fields[field] = value;
    }
  }
  if (efforts.includes(settings.thinking)) {
    fields.reasoning_effort = settings.thinking;
  }
  return fields;
}

/** Lets the reader change the settings in the form, which refuses what no server could take. */
export async function editSettings() {
  const dialog = document.getElementById('settings-dialog');
  const form = dialog.querySelector('form');
  for (const [name, value] of Object.entries(loadSettings())) {
    form.elements[name].value = value;
  }
  clearErrors(form);
  if (await show(dialog)) {
    write('settings', Object.fromEntries(new FormData(form)));
  }
}

/** Shows below each field why it is refused, where a screen reader and a phone show it too. */
export function wireSettings() {
  const form = document.querySelector('#settings-dialog form');
  form.addEventListener('invalid', event => {
    event.preventDefault();
    const field = event.target;
    document.getElementById(`${field.id}-error`).textContent = field.validationMessage;
    field.setAttribute('aria-invalid', 'true');
    form.querySelector(':invalid').focus();
  }, true);
  form.addEventListener('input', () => clearErrors(form));
  document.getElementById('settings-defaults').addEventListener('click', () => {
    form.reset();
    clearErrors(form);
  });
}

function clearErrors(form) {
  form.querySelectorAll('[aria-invalid]').forEach(field => field.removeAttribute('aria-invalid'));
  form.querySelectorAll('.field-error').forEach(error => error.textContent = '');
}
