/** One stream of VP8 frames into pictures, by the system's own decoder. */
import type { CallFrame } from '~/backend/bindings/CallFrame';
import { bytes } from './probe';

/** Frames that wait to be decoded; a machine that is slower begins anew with a key frame. */
const MOST_WAITING = 12;

export class Decoder {
  #decoder: VideoDecoder | undefined;
  #size = '';
  #needsKey = true;
  readonly #onpicture: (picture: VideoFrame) => void;
  readonly #onlost: () => void;

  /** `onlost`: the stream must begin anew. */
  constructor(onpicture: (picture: VideoFrame) => void, onlost: () => void) {
    this.#onpicture = onpicture;
    this.#onlost = onlost;
  }

  take(frame: CallFrame): void {
    if (this.#needsKey && !frame.key) return;
    if (this.#decoder && this.#decoder.decodeQueueSize > MOST_WAITING) {
      this.#lose();
      return;
    }
    const size = `${frame.width}×${frame.height}`;
    try {
      if (!this.#decoder || this.#decoder.state === 'closed') this.#open();
      if (frame.key && (size !== this.#size || this.#needsKey)) {
        this.#decoder?.configure({ codec: 'vp8', codedWidth: frame.width, codedHeight: frame.height, optimizeForLatency: true });
        this.#size = size;
      }
      this.#needsKey = false;
      // 90,000 a second into microseconds.
      const timestamp = Math.round((frame.stamp / 90) * 1000);
      this.#decoder?.decode(new EncodedVideoChunk({ type: frame.key ? 'key' : 'delta', timestamp, data: bytes(frame.data) }));
    } catch (error) {
      console.warn('a picture of a call did not decode', String(error));
      this.#lose();
    }
  }

  close(): void {
    if (this.#decoder && this.#decoder.state !== 'closed') this.#decoder.close();
    this.#decoder = undefined;
  }

  #open(): void {
    this.#needsKey = true;
    this.#decoder = new VideoDecoder({
      output: this.#onpicture,
      error: (error) => {
        console.warn('the decoder of a call gave up', error.message);
        this.#lose();
      },
    });
  }

  #lose(): void {
    if (this.#needsKey) return;
    this.#needsKey = true;
    this.close();
    this.#onlost();
  }
}
