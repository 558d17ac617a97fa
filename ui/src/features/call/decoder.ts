/** One stream of VP8 frames into pictures, by the system's own decoder. */
import type { CallFrame } from '~/backend/bindings/CallFrame';

/** Frames that wait to be decoded; a machine that is slower begins anew with a key frame. */
const MOST_WAITING = 12;

export class Decoder {
  #decoder: VideoDecoder | undefined;
  #size = '';
  #needsKey = true;
  readonly #onpicture: (picture: VideoFrame) => void;
  readonly #onlost: () => void;
  readonly #onblind: () => void;

  /** `onlost`: the stream must begin anew. `onblind`: this system decodes nothing. */
  constructor(onpicture: (picture: VideoFrame) => void, onlost: () => void, onblind: () => void) {
    this.#onpicture = onpicture;
    this.#onlost = onlost;
    this.#onblind = onblind;
    if (typeof VideoDecoder === 'undefined') onblind();
  }

  take(frame: CallFrame): void {
    if (typeof VideoDecoder === 'undefined' || (this.#needsKey && !frame.key)) return;
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
      const data = Uint8Array.from(atob(frame.data), (byte) => byte.charCodeAt(0));
      // 90,000 a second into microseconds.
      const timestamp = Math.round((frame.stamp / 90) * 1000);
      this.#decoder?.decode(new EncodedVideoChunk({ type: frame.key ? 'key' : 'delta', timestamp, data }));
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
        if (error.name === 'NotSupportedError') this.#onblind();
        else this.#lose();
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
