import { names, read, remove, write } from './storage.js';

const beginning = 'chat.';
const longestTitle = 60;

/** Every chat that is kept, the one last used first. */
export const loadChats = () => names(beginning).map(name => load(name)).filter(chat => chat !== null).sort((a, b) => b.updated - a.updated);

export const loadChat = id => load(beginning + id);

/** The identifier of the chat that is kept under a name of the storage, if one is. */
export const idOf = name => name.startsWith(beginning) ? name.slice(beginning.length) : null;

export const newChat = () => ({ id: crypto.getRandomValues(new Uint32Array(4)).join('-'), updated: Date.now(), messages: [] });

/** False where the browser could not keep it. */
export const saveChat = chat => write(beginning + chat.id, chat);

export const deleteChat = chat => remove(beginning + chat.id);

export function titleOf(chat) {
  const text = chat.messages.find(message => message.role === 'user')?.content.trim().replace(/\s+/g, ' ') ?? '';
  if (text === '') {
    return 'New chat';
  }
  const characters = [...text];
  return characters.length > longestTitle ? `${characters.slice(0, longestTitle).join('')}…` : text;
}

export const userMessage = content => ({ role: 'user', content });

/** An answer that has just been asked for. */
export const pendingAnswer = () => ({
  role: 'assistant', content: '', reasoning: '', state: 'streaming', error: null, finish: null, usage: null,
  started: Date.now(), thinkingSince: null, firstAfter: null, thought: null, rate: null,
});

export const isEmpty = answer => answer.content.trim() === '' && answer.reasoning.trim() === '';

/** What is sent to the model. Earlier reasoning stays here: the model was trained to see earlier answers without it. */
export function toRequest(chat, system) {
  const said = chat.messages
    .filter(message => message.content.trim() !== '')
    .map(({ role, content }) => ({ role, content }));
  return system === '' ? said : [{ role: 'system', content: system }, ...said];
}

// What is kept can be of another version of this page or of another program; a chat that is not whole is left out.
function load(name) {
  const chat = read(name);
  const whole = chat !== null && beginning + chat.id === name && Number.isFinite(chat.updated) && Array.isArray(chat.messages)
    && chat.messages.every(isMessage);
  if (!whole) {
    return null;
  }
  for (const message of chat.messages) {
    if (message.state === 'streaming') {
      message.state = 'interrupted';
    }
  }
  return chat;
}

const isMessage = message => typeof message?.content === 'string'
  && (message.role === 'user' || (message.role === 'assistant' && typeof message.reasoning === 'string' && typeof message.state === 'string'));
