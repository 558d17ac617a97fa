/** The core behind the development bridge: a WebSocket on loopback, opened by the token of the page's address. */
import type { Batch } from './bindings/Batch';
import type { SavedFile } from './bindings/SavedFile';
import { pictureQuery, readPicture } from './call-picture';
import { Failure, type Transport, type TransportEvents } from './types';

const TOKEN_KEY = 'hearth.bridge-token';
const LONGEST_WAIT = 5000;

type Frame =
  | { t: 'reply'; id: number; ok?: unknown; error?: unknown }
  | { t: 'push'; batch: Batch };

interface Waiting {
  answer: (value: unknown) => void;
  fail: (reason: unknown) => void;
}

/** Takes the token out of the address bar and keeps it for reloads of this tab. */
export function takeToken(place: Location, kept: Storage, past: History): string {
  const fragment = place.hash.slice(1);
  const given = fragment.startsWith('/') ? null : (new URLSearchParams(fragment).get('token') ?? fragment);
  if (given) {
    kept.setItem(TOKEN_KEY, given);
    past.replaceState(null, '', place.pathname + place.search);
  }
  return given || (kept.getItem(TOKEN_KEY) ?? '');
}

export function bridgeTransport(token: string, host: string = location.host): Transport {
  const waiting = new Map<number, Waiting>();
  let outbox: string[] = [];
  let events: TransportEvents | undefined;
  let socket: WebSocket | undefined;
  let lastRequest = 0;
  let wait = 250;
  let session: Promise<void> | undefined;

  function connect(): void {
    socket = new WebSocket(`ws://${host}/ipc`, ['hearth-ipc', `token.${token}`]);
    socket.onopen = () => {
      wait = 250;
      session ??= openSession(token);
      void session.finally(() => {
        events?.link(true);
        const held = outbox;
        outbox = [];
        for (const frame of held) send(frame);
      });
    };
    socket.onmessage = (message: MessageEvent<string>) => receive(JSON.parse(message.data) as Frame);
    socket.onclose = () => {
      session = undefined;
      for (const one of waiting.values()) one.fail(lost());
      waiting.clear();
      outbox = [];
      events?.link(false);
      setTimeout(connect, wait);
      wait = Math.min(wait * 2, LONGEST_WAIT);
    };
  }

  function receive(frame: Frame): void {
    if (frame.t === 'push') {
      events?.batch(frame.batch);
      return;
    }
    const one = waiting.get(frame.id);
    if (!one) return;
    waiting.delete(frame.id);
    if (frame.error === undefined) one.answer(frame.ok ?? null);
    else one.fail(frame.error);
  }

  function send(frame: string): void {
    if (socket?.readyState === WebSocket.OPEN) socket.send(frame);
    else outbox.push(frame);
  }

  return {
    kind: 'bridge',
    start(to) {
      events = to;
      connect();
    },
    request(name, args) {
      const id = REQUEST_IDS + ++lastRequest;
      return new Promise((answer, fail) => {
        waiting.set(id, { answer, fail });
        send(JSON.stringify({ t: 'request', id, name, args }));
      });
    },
    subscribe(id, to) {
      return new Promise((answer, fail) => {
        // Answered by pushes alone; a lost socket is no refusal, since the consumer subscribes again after it.
        waiting.set(id, { answer: () => answer(), fail: (reason) => (reason instanceof Failure ? answer() : fail(reason)) });
        send(JSON.stringify({ t: 'subscribe', id, to }));
      });
    },
    unsubscribe(id) {
      waiting.delete(id);
      if (socket?.readyState === WebSocket.OPEN) send(JSON.stringify({ t: 'unsubscribe', id }));
    },
    async upload(file, name) {
      const response = await fetch('/upload', {
        method: 'POST',
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': file.type || 'application/octet-stream',
          'x-hearth-name': encodeURIComponent(name),
        },
        body: file,
      });
      if (!response.ok) throw await refusal(response);
      return ((await response.json()) as { upload: string }).upload;
    },
    mediaUrl: (media, options) => `/media/${encodeURIComponent(media)}${options?.thumbnail ? '?thumbnail=1' : ''}`,
    async callPicture(wish) {
      return readPicture(await fetch(`/call-picture${pictureQuery(wish)}`));
    },
    async mediaBlob(media) {
      const response = await fetch(`/media/${encodeURIComponent(media)}`);
      if (!response.ok) throw await refusal(response);
      return response.blob();
    },
    async saveMedia(media, name) {
      const saved = (await this.request('save_media', { media, name })) as SavedFile;
      download(saved.url ?? `/media/${encodeURIComponent(media)}`, name);
      return saved;
    },
    async saveText(name, text) {
      const url = URL.createObjectURL(new Blob([text], { type: 'text/plain' }));
      download(url, name);
      setTimeout(() => URL.revokeObjectURL(url), 10_000);
      return { path: null, url: null };
    },
    async openExternal(url) {
      window.open(url, '_blank', 'noopener,noreferrer');
    },
  };
}

/** Requests are numbered above every subscription, so that the two never meet in one socket. */
const REQUEST_IDS = 1_000_000_000;

/** Trades the token for a cookie that pictures travel with, so that it stands in no address. */
async function openSession(token: string): Promise<void> {
  try {
    const response = await fetch('/session', { method: 'POST', headers: { authorization: `Bearer ${token}` } });
    if (!response.ok) console.warn('the bridge opened no session for pictures', response.status);
  } catch (error) {
    console.warn('the bridge opened no session for pictures', String(error));
  }
}

async function refusal(response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch {
    return new Error(`the bridge answered ${response.status}`);
  }
}

function lost(): Failure {
  return new Failure({ code: 'failed', sentence: 'The connection to Hearth was interrupted.', detail: null });
}

function download(url: string, name: string): void {
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
}
