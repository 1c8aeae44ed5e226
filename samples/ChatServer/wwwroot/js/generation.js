import { ApiError, streamChat } from './api.js';

/**
 * Fills an answer with what the server streams and says each time that it changed; `model` says which model to ask, as soon as it knows.
 * How it ended is in the answer's state: `done`, `stopped` or `failed`.
 */
export async function generate(answer, model, body, key, signal, changed) {
  const start = performance.now();
  let first = null;
  let last = null;
  let thinkingSince = null;
  const endThinking = now => {
    if (thinkingSince !== null) {
      answer.thought = now - thinkingSince;
      thinkingSince = null;
    }
  };
  try {
    for await (const piece of streamChat({ model: await model(signal), ...body }, key, signal)) {
      const now = performance.now();
      if (piece.reasoning !== undefined || piece.content !== undefined) {
        first ??= now;
        last = now;
        answer.firstAfter ??= now - start;
      }
      if (piece.reasoning !== undefined) {
        thinkingSince ??= now;
        answer.thinkingSince ??= Date.now();
        answer.reasoning += piece.reasoning;
      } else if (piece.content !== undefined) {
        answer.content += piece.content;
        if (answer.content.trim() !== '') {
          endThinking(now);
        }
      } else if (piece.finish !== undefined) {
        answer.finish = piece.finish;
      } else {
        answer.usage = piece.usage;
      }
      changed();
    }
    answer.state = 'done';
  } catch (error) {
    if (error.name === 'AbortError') {
      answer.state = 'stopped';
    } else {
      if (!(error instanceof ApiError)) {
        throw error;
      }
      answer.state = 'failed';
      answer.error = {
        message: error.message,
        status: error.status,
        retryAt: error.retryAfter === null ? null : Date.now() + error.retryAfter * 1000,
      };
    }
  }
  endThinking(performance.now());
  // The first token's time is the prompt's; the others are generated between it and the last.
  if (answer.usage?.completion > 1 && last > first) {
    answer.rate = (answer.usage.completion - 1) / ((last - first) / 1000);
  }
  changed();
}
