const prefix = 'deepseek-engine.';

// What the browser did not take: private windows keep nothing, and a disk can be full. The page works with it until it is closed.
const unkept = new Map();

/** A value that was written before, or null. The area is `localStorage`, or `sessionStorage` for what one tab has. */
export function read(name, area = 'localStorage') {
  try {
    return JSON.parse(unkept.get(name) ?? globalThis[area].getItem(prefix + name));
  } catch {
    return null;
  }
}

/** False where the browser will not keep it. */
export function write(name, value, area = 'localStorage') {
  const text = JSON.stringify(value);
  try {
    globalThis[area].setItem(prefix + name, text);
    unkept.delete(name);
    return true;
  } catch {
    unkept.set(name, text);
    return false;
  }
}

export function remove(name, area = 'localStorage') {
  unkept.delete(name);
  try {
    globalThis[area].removeItem(prefix + name);
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
