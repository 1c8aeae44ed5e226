// Far above any event of a chat; an event without an end must not fill the memory.
const longestEvent = 8 * 1024 * 1024;

/** The data of each server-sent event of a response's body, as they arrive. */
export async function* readEvents(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  let data = [];
  try {
    while (true) {
      const { value, done } = await reader.read();
      if (done) {
        return;
      }
      const lines = (rest + value).split('\n');
      rest = lines.pop();
      for (const ended of lines) {
        const line = ended.endsWith('\r') ? ended.slice(0, -1) : ended;
        if (line === '') {
          if (data.length > 0) {
            yield data.join('\n');
          }
          data = [];
        } else if (line.startsWith('data:')) {
          data.push(line.slice(line[5] === ' ' ? 6 : 5));
        }
      }
      if (rest.length + data.reduce((sum, line) => sum + line.length, 0) > longestEvent) {
        throw new RangeError('The server sent an event that is too long.');
      }
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}
