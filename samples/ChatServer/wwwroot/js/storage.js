const prefix = 'deepseek-engine.';

/** What the browser keeps for this page. Where it keeps nothing (private windows, a full disk) the page still works, until it is closed. */
export function read(name, storage = localStorage) {
  try {
    return JSON.parse(storage.getItem(prefix + name));
  } catch {
    return null;
  }
}

/** False where it could not be kept. */
export function write(name, value, storage = localStorage) {
  try {
    storage.setItem(prefix + name, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}

export function remove(name, storage = localStorage) {
  try {
    storage.removeItem(prefix + name);
  } catch {
    // Nothing was kept.
  }
}

/** The names that begin with the given text. */
export function names(beginning) {
  try {
    return Object.keys(localStorage).filter(key => key.startsWith(prefix + beginning)).map(key => key.slice(prefix.length));
  } catch {
    return [];
  }
}

/** Calls back with the name of what another tab wrote or removed. */
export function onChangeElsewhere(changed) {
  addEventListener('storage', event => {
    if (event.key?.startsWith(prefix)) {
      changed(event.key.slice(prefix.length));
    }
  });
}
