import { readEvents } from './sse.js';

/** What went wrong with a request, in words for a reader; `status` is 0 where no answer came. */
export class ApiError extends Error {
  constructor(message, { status = 0, retryAfter = null } = {}) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

/** The identifiers of the models that are served. */
export async function listModels(key, signal) {
  const response = await request('v1/models', { headers: headers(key), signal });
  const list = await readJson(response);
  return Array.isArray(list?.data) ? list.data.map(model => model?.id).filter(id => typeof id === 'string') : [];
}

/**
 * Streams an answer: `{ reasoning }` and `{ content }` are pieces of text in their order, `{ finish }` says why it ended and `{ usage }` what it took.
 */
export async function* streamChat(body, key, signal) {
  const response = await request('v1/chat/completions', {
    method: 'POST',
    headers: { ...headers(key), 'Content-Type': 'application/json' },
    body: JSON.stringify({ ...body, stream: true, stream_options: { include_usage: true } }),
    signal,
  });
  if (!response.headers.get('Content-Type')?.startsWith('text/event-stream')) {
    throw new ApiError('The server answered with something else than a stream. Is this the address of the chat server?');
  }

  let ended = false;
  try {
    for await (const data of readEvents(response.body)) {
      if (data === '[DONE]') {
        return;
      }
      const event = JSON.parse(data);
      if (event?.error) {
        throw new ApiError(messageOf(event) ?? 'The server stopped with an error.', { status: response.status });
      }
      for (const piece of pieces(event)) {
        ended ||= piece.finish !== undefined;
        yield piece;
      }
    }
  } catch (error) {
    if (error instanceof ApiError || error.name === 'AbortError') {
      throw error;
    }
    throw new ApiError(error instanceof SyntaxError || error instanceof RangeError
      ? 'The server sent something that could not be read.'
      : 'The connection was lost before the answer ended.');
  }
  if (!ended) {
    throw new ApiError('The connection was lost before the answer ended.');
  }
}

function* pieces(event) {
  const choice = event?.choices?.[0];
  const { reasoning_content: reasoning, content } = choice?.delta ?? {};
  if (typeof reasoning === 'string' && reasoning !== '') {
    yield { reasoning };
  }
  if (typeof content === 'string' && content !== '') {
    yield { content };
  }
  if (typeof choice?.finish_reason === 'string') {
    yield { finish: choice.finish_reason };
  }
  if (event?.usage) {
    yield { usage: readUsage(event.usage) };
  }
}

function readUsage(usage) {
  const count = value => Number.isSafeInteger(value) && value >= 0 ? value : null;
  return {
    prompt: count(usage.prompt_tokens),
    completion: count(usage.completion_tokens),
    reasoning: count(usage.completion_tokens_details?.reasoning_tokens),
  };
}

// Relative to the page, which may be served under a path.
async function request(path, options) {
  let response;
  try {
    response = await fetch(new URL(path, document.baseURI), options);
  } catch (error) {
    if (error.name === 'AbortError') {
      throw error;
    }
    throw new ApiError('The server cannot be reached. Is it running?');
  }
  if (!response.ok) {
    throw await refusal(response);
  }
  return response;
}

async function refusal(response) {
  const body = await response.json().catch(() => null);
  const seconds = Number.parseInt(response.headers.get('Retry-After') ?? '', 10);
  return new ApiError(messageOf(body) ?? `The server answered ${response.status} ${response.statusText}.`, {
    status: response.status,
    retryAfter: seconds > 0 ? Math.min(seconds, 3600) : null,
  });
}

async function readJson(response) {
  try {
    return await response.json();
  } catch {
    throw new ApiError('The server sent something that could not be read.');
  }
}

const messageOf = body => typeof body?.error?.message === 'string' ? body.error.message : null;

const headers = key => key ? { Authorization: `Bearer ${key}` } : {};
