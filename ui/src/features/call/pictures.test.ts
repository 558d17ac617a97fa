/** Pictures on their way to a canvas: the probe, frames after a gap, and a system that decodes nothing. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CallFrame } from '~/backend/bindings/CallFrame';
import type { Push } from '~/backend/bindings/Push';
import type { Backend, CallPictureWish } from '~/backend/types';
import { Decoder } from './decoder';

/** What the system's decoder does, and what was handed to it. */
let works = true;
let decoded: { type: string; timestamp: number }[] = [];
let waiting = 0;
let failing: ((error: Error) => void) | undefined;

class FakeDecoder {
  state = 'unconfigured';
  readonly #output: (picture: unknown) => void;
  readonly #error: (error: Error) => void;

  constructor({ output, error }: { output: (picture: unknown) => void; error: (error: Error) => void }) {
    this.#output = output;
    this.#error = error;
    failing = error;
  }

  get decodeQueueSize() {
    return waiting;
  }

  configure() {
    this.state = 'configured';
  }

  decode(chunk: { type: string; timestamp: number }) {
    decoded.push(chunk);
    if (works) this.#output({ codedWidth: 32, codedHeight: 32, close: () => {} });
    else this.#error(new Error('no'));
  }

  flush() {
    return Promise.resolve();
  }

  close() {
    this.state = 'closed';
  }
}

class FakeChunk {
  type: string;
  timestamp: number;
  constructor({ type, timestamp }: { type: string; timestamp: number }) {
    this.type = type;
    this.timestamp = timestamp;
  }
}

function frame(part: Partial<CallFrame>): CallFrame {
  return { ours: false, stream: 's', key: false, width: 32, height: 32, stamp: 0, data: 'AAAA', ...part };
}

beforeEach(() => {
  vi.resetModules();
  works = true;
  decoded = [];
  waiting = 0;
  vi.stubGlobal('VideoDecoder', FakeDecoder);
  vi.stubGlobal('EncodedVideoChunk', FakeChunk);
});

afterEach(() => vi.unstubAllGlobals());

describe('the probe', () => {
  it('believes a picture and nothing else', async () => {
    expect(await (await import('./probe')).canDecode()).toBe(true);
    vi.resetModules();
    works = false;
    expect(await (await import('./probe')).canDecode()).toBe(false);
    vi.resetModules();
    vi.stubGlobal('VideoDecoder', undefined);
    expect(await (await import('./probe')).canDecode()).toBe(false);
  });
});

describe('a stream', () => {
  it('begins with a key frame and tells time in microseconds', () => {
    const decoder = new Decoder(() => {}, () => {});
    decoder.take(frame({}));
    expect(decoded).toEqual([]);
    decoder.take(frame({ key: true, stamp: 90_000 }));
    decoder.take(frame({ stamp: 93_000 }));
    expect(decoded).toEqual([
      { type: 'key', timestamp: 1_000_000 },
      { type: 'delta', timestamp: 1_033_333 },
    ]);
  });

  it('begins anew when the machine is too slow, and when the decoder gives up', () => {
    const lost = vi.fn();
    const decoder = new Decoder(() => {}, lost);
    decoder.take(frame({ key: true }));
    waiting = 13;
    decoder.take(frame({}));
    expect(lost).toHaveBeenCalledTimes(1);
    waiting = 0;
    decoder.take(frame({}));
    expect(decoded).toHaveLength(1);
    decoder.take(frame({ key: true }));
    expect(decoded).toHaveLength(2);
    failing?.(new Error('it broke'));
    expect(lost).toHaveBeenCalledTimes(2);
    decoder.take(frame({}));
    expect(decoded).toHaveLength(2);
  });
});

describe('a system that decodes nothing', () => {
  it('fetches each picture when the one before is drawn', async () => {
    vi.stubGlobal('VideoDecoder', undefined);
    const made: unknown[] = [];
    vi.stubGlobal(
      'VideoFrame',
      class {
        constructor(_data: unknown, options: unknown) {
          made.push(options);
        }
        close() {}
      },
    );
    const wishes: CallPictureWish[] = [];
    let tell: (push: Push) => void = () => {};
    const backend = {
      subscribe: (_to: unknown, onPush: (push: Push) => void) => {
        tell = onPush;
        return () => {};
      },
      request: () => Promise.resolve(null),
      callPicture: (wish: CallPictureWish) => {
        wishes.push(wish);
        if (wish.after >= 2) return new Promise<null>(() => {});
        return Promise.resolve({ number: wish.after + 1, width: 4, height: 2, data: new Uint8Array(12) });
      },
    } as unknown as Backend;
    const { Pictures } = await import('./pictures.svelte');
    const pictures = new Pictures(backend, { room_id: '!r:x', call_id: 'c' });
    await vi.waitFor(() => {
      tell({ kind: 'call_frame', value: frame({ key: true }) });
      expect(pictures.streams).toEqual([{ id: 's', ours: false }]);
    });
    await vi.waitFor(() => expect(wishes).toHaveLength(3), { timeout: 3000 });
    expect(wishes.map(({ after, raw, stream }) => ({ after, raw, stream }))).toEqual([0, 1, 2].map((after) => ({ after, raw: true, stream: 's' })));
    expect(made).toHaveLength(2);
    expect(made[0]).toMatchObject({ format: 'I420', codedWidth: 4, codedHeight: 2 });
    pictures.close();
  });
});
