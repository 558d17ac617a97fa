/** Pictures where the system decodes none: the core does it, and the page fetches one when it has drawn the one before. */
import type { CallRef } from '~/backend/bindings/CallRef';
import type { Backend } from '~/backend/types';
import type { Stream } from './pictures.svelte';

/** After a failure, and while there is no stream. */
const PAUSE = 500;

type Draw = (id: string, picture: CanvasImageSource & { close(): void }, width: number, height: number) => void;

/** Until what it answers is called. */
export function fetchPictures(backend: Backend, call: CallRef, streams: () => Stream[], draw: Draw): () => void {
  let ended = false;
  const fetching = new Set<string>();
  const raw = typeof VideoFrame !== 'undefined';

  async function follow(stream: string) {
    let after = 0;
    while (!ended) {
      try {
        const fetched = await backend.callPicture({ ...call, stream, after, raw });
        if (ended) return;
        if (!fetched) {
          await pause();
          continue;
        }
        after = fetched.number;
        const { width, height, data } = fetched;
        const picture = raw
          ? new VideoFrame(data, { format: 'I420', codedWidth: width, codedHeight: height, timestamp: after })
          : await createImageBitmap(new Blob([data], { type: 'image/jpeg' }));
        draw(stream, picture, width, height);
      } catch (error) {
        console.warn('a picture of a call could not be fetched', String(error));
        await pause();
      }
    }
  }

  const timer = setInterval(() => {
    for (const { id } of streams()) {
      if (fetching.has(id)) continue;
      fetching.add(id);
      void follow(id);
    }
  }, PAUSE);
  return () => {
    ended = true;
    clearInterval(timer);
  };
}

function pause(): Promise<void> {
  return new Promise((done) => setTimeout(done, PAUSE));
}
