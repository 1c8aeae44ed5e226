import { remove, read, write } from './storage.js';

/** Shows a dialog and says whether it was confirmed rather than left. */
export function show(dialog) {
  dialog.returnValue = '';
  dialog.showModal();
  return new Promise(resolve => dialog.addEventListener('close', () => resolve(dialog.returnValue === 'ok'), { once: true }));
}

export function confirmDeletion(title) {
  document.getElementById('delete-title').textContent = title;
  return show(document.getElementById('delete-dialog'));
}

/** The key of the server's interface, kept until the tab is closed. */
export const storedKey = () => read('key', 'sessionStorage');

/** Lets the buttons that leave a dialog do so; were they its form's, Enter in a field would press them. */
export function wireDialogs() {
  document.querySelectorAll('[data-close]').forEach(button => button.addEventListener('click', () => button.closest('dialog').close()));
}

/** Asks for the key; null where the reader gives none. */
export async function askForKey() {
  const dialog = document.getElementById('key-dialog');
  const input = document.getElementById('key');
  document.getElementById('key-refused').hidden = storedKey() === null;
  input.value = '';
  if (!dialog.open && !await show(dialog)) {
    return null;
  }
  const key = input.value.trim();
  if (key === '') {
    remove('key', 'sessionStorage');
    return null;
  }
  write('key', key, 'sessionStorage');
  return key;
}
