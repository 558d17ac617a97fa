/** The pictures of one call: which streams there are, each drawn on the canvas that is there for it. */
import { untrack } from 'svelte';
import type { CallFrame } from '~/backend/bindings/CallFrame';
import type { CallRef } from '~/backend/bindings/CallRef';
import type { Backend } from '~/backend/types';
import { Decoder } from './decoder';
import { fetchPictures } from './fetched';
import { canDecode } from './probe';

/** More than any call has; further ones are not shown. */
const MOST_STREAMS = 8;
/** Canvases are measured in these by the window's tests. */
const DRAWN = 'drawn';

export interface Stream {
  id: string;
  ours: boolean;
}

export class Pictures {
  /** In the order in which they came. */
  streams = $state.raw<Stream[]>([]);
  readonly #backend: Backend;
  readonly #call: CallRef;
  readonly #canvases = new Map<string, HTMLCanvasElement>();
  readonly #ends: (() => void)[] = [];
  #closed = false;

  constructor(backend: Backend, call: CallRef) {
    this.#backend = backend;
    this.#call = call;
    void canDecode().then((can) => {
      if (!this.#closed) this.#begin(can);
    });
  }

  /** The canvas that shows a stream, as long as it is in the page. */
  readonly shows = (id: string) => (canvas: HTMLCanvasElement) => {
    this.#canvases.set(id, canvas);
    return () => {
      if (this.#canvases.get(id) === canvas) this.#canvases.delete(id);
    };
  };

  close(): void {
    this.#closed = true;
    for (const end of this.#ends) end();
  }

  #begin(can: boolean): void {
    const decoders = new Map<string, Decoder>();
    const end = this.#backend.subscribe({ topic: 'call_frames', ...this.#call }, (push) => {
      if (push.kind !== 'call_frame' || !this.#knows(push.value)) return;
      const frame = push.value;
      if (!can) return;
      let decoder = decoders.get(frame.stream);
      if (!decoder) {
        decoder = new Decoder(
          (picture) => this.#draw(frame.stream, picture, picture.codedWidth, picture.codedHeight),
          () => this.#refresh(),
        );
        decoders.set(frame.stream, decoder);
      }
      decoder.take(frame);
    });
    this.#ends.push(end, () => decoders.forEach((decoder) => decoder.close()));
    if (!can) this.#ends.push(fetchPictures(this.#backend, this.#call, () => this.streams, (id, picture, width, height) => this.#draw(id, picture, width, height)));
  }

  #refresh(): void {
    this.#backend.request('refresh_call_frames').catch((error: unknown) => console.warn('pictures could not be asked for anew', String(error)));
  }

  #knows(frame: CallFrame): boolean {
    return untrack(() => {
      if (this.streams.some(({ id }) => id === frame.stream)) return true;
      if (this.streams.length >= MOST_STREAMS) return false;
      this.streams = [...this.streams, { id: frame.stream, ours: frame.ours }];
      return true;
    });
  }

  #draw(id: string, picture: CanvasImageSource & { close(): void }, width: number, height: number): void {
    const canvas = this.#canvases.get(id);
    if (canvas) {
      if (canvas.width !== width || canvas.height !== height) {
        canvas.width = width;
        canvas.height = height;
      }
      canvas.getContext('2d', { alpha: false, desynchronized: true })?.drawImage(picture, 0, 0, width, height);
      canvas.dataset[DRAWN] = String(Number(canvas.dataset[DRAWN] ?? 0) + 1);
    }
    picture.close();
  }
}
