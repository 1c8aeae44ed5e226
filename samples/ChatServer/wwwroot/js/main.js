import { Announcer } from './announcer.js';
import {
  deleteChat, idOf, loadChat, loadChats, newChat, pendingAnswer, saveChat, titleOf, toRequest, userMessage,
} from './chats.js';
import { Composer } from './composer.js';
import { askForKey, confirmDeletion, storedKey, wireDialogs } from './dialogs.js';
import { Follow } from './follow.js';
import { generate } from './generation.js';
import { AnswerView, QuestionView } from './message-view.js';
import { Models } from './models.js';
import { editSettings, loadSettings, toRequestFields, wireSettings } from './settings.js';
import { Sidebar } from './sidebar.js';
import { onChangeElsewhere, read, write } from './storage.js';

const unauthorized = 401;
const savedEvery = 1000;

const list = document.getElementById('messages');
const toEnd = document.getElementById('to-end');
const title = document.getElementById('title');

const chats = loadChats();
const running = new Map();
const views = new Map();
const models = new Models();
const announcer = new Announcer(document.getElementById('announcer'));
const follow = new Follow(document.getElementById('scroller'), following => toEnd.hidden = following);
const sidebar = new Sidebar({ open, delete: removeChat });
const composer = new Composer({ send, stop: stopCurrent });
let leaving = false;
let current = chats.find(chat => chat.id === read('current', 'sessionStorage')) ?? newChat();

function open(chat) {
  current = chat;
  write('current', chat.id, 'sessionStorage');
  views.clear();
  list.replaceChildren();
  show();
  follow.toEnd();
  sidebar.close();
  composer.focus();
}

/** Brings what is seen in line with the current chat; messages that are shown already keep their elements. */
function show() {
  const { messages } = current;
  for (const [message, view] of views) {
    if (!messages.includes(message)) {
      view.element.remove();
      views.delete(message);
    }
  }
  for (const message of messages) {
    if (!views.has(message)) {
      const view = message.role === 'user'
        ? new QuestionView(message, { edit: text => edit(message, text) })
        : new AnswerView(message, { regenerate }, () => follow.grown());
      views.set(message, view);
      list.append(view.element);
    }
  }
  document.body.classList.toggle('empty', messages.length === 0);
  title.textContent = titleOf(current);
  document.title = messages.length === 0 ? 'DeepSeekEngine' : `${titleOf(current)} · DeepSeekEngine`;
  composer.running(running.has(current.id));
  sidebar.show(chats, current, running);
}

function send(text) {
  current.messages.push(userMessage(text));
  answer(current);
}

function edit(message, text) {
  truncate(current.messages.indexOf(message));
  send(text);
  composer.focus();
}

function regenerate(message) {
  truncate(current.messages.indexOf(message));
  answer(current);
  composer.focus();
}

function truncate(index) {
  stopCurrent();
  current.messages.length = index;
}

function stopCurrent() {
  running.get(current.id)?.abort();
}

async function answer(chat) {
  const reply = pendingAnswer();
  const settings = loadSettings();
  const body = { messages: toRequest(chat, settings.system.trim()), ...toRequestFields(settings) };
  const stopping = new AbortController();
  chat.messages.push(reply);
  chat.updated = Date.now();
  running.set(chat.id, stopping);
  forget(chat.id);
  chats.unshift(chat);
  write('current', chat.id, 'sessionStorage');
  keep(chat);
  show();
  follow.toEnd();
  announcer.begin();

  let saved = Date.now();
  await ask(reply, body, stopping.signal, () => {
    if (chat === current) {
      views.get(reply)?.update();
      announcer.grow(reply.content);
    }
    if (Date.now() - saved > savedEvery) {
      saved = Date.now();
      keep(chat);
    }
  });

  if (leaving && reply.state === 'failed') {
    reply.state = 'interrupted';
  }
  if (running.get(chat.id) === stopping) {
    running.delete(chat.id);
  }
  keep(chat);
  show();
  if (chat === current && chat.messages.includes(reply)) {
    follow.grown();
    announcer.end(reply.content, reply.state === 'done' ? 'End of the answer.' : '');
  }
}

// The server decides whether it wants a key; one that it refuses is asked for again.
async function ask(reply, body, signal, changed) {
  while (true) {
    await generate(reply, signal => models.chosen(storedKey(), signal), body, storedKey(), signal, changed);
    if (reply.error?.status !== unauthorized || await askForKey() === null) {
      return;
    }
    Object.assign(reply, { state: 'streaming', error: null });
    changed();
  }
}

function keep(chat) {
  const full = chats.includes(chat) && !saveChat(chat);
  document.getElementById('storage-full').hidden = !full;
}

async function removeChat(chat) {
  if (!await confirmDeletion(titleOf(chat))) {
    return;
  }
  running.get(chat.id)?.abort();
  forget(chat.id);
  deleteChat(chat);
  if (chat === current) {
    open(newChat());
  } else {
    show();
    document.getElementById('new-chat').focus();
  }
}

function forget(id) {
  const index = chats.findIndex(chat => chat.id === id);
  if (index >= 0) {
    chats.splice(index, 1);
  }
}

// The browser ends the requests of a page that is left; that is no failure of theirs.
function leave() {
  leaving = true;
  keepAll();
}

function keepAll() {
  chats.filter(chat => running.has(chat.id)).forEach(keep);
}

onChangeElsewhere(name => {
  const id = idOf(name);
  if (id === null || running.has(id)) {
    return;
  }
  const chat = loadChat(id);
  forget(id);
  if (chat !== null) {
    chats.push(chat);
    chats.sort((a, b) => b.updated - a.updated);
  }
  if (current.id === id) {
    open(chat ?? newChat());
  } else {
    show();
  }
});

document.getElementById('new-chat').addEventListener('click', () => open(newChat()));
document.getElementById('settings').addEventListener('click', editSettings);
toEnd.addEventListener('click', () => {
  follow.toEnd();
  composer.focus();
});
addEventListener('keydown', event => {
  if (event.key === 'Escape' && document.querySelector('dialog[open]') === null) {
    stopCurrent();
  }
});
addEventListener('pagehide', leave);
addEventListener('pageshow', () => leaving = false);
document.addEventListener('visibilitychange', keepAll);

wireDialogs();
wireSettings();
open(current);
// Only to show the name early; a question that is asked says what is wrong.
models.chosen(storedKey()).catch(() => {});
