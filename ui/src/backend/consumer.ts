/** The one consumer of pushes: orders them, notices holes, and subscribes anew after a hole or a reconnect. */
import type { Batch } from './bindings/Batch';
import type { Push } from './bindings/Push';
import type { Subscription } from './bindings/Subscription';
import { Failure, type Answer, type Backend, type RequestName, type Transport } from './types';

interface Open {
  to: Subscription;
  id: number;
  next: number;
  onPush: (push: Push) => void;
  /** Resets asked for since the last push that fitted; bounds a loop with a core that never fits. */
  resets: number;
}

const MOST_RESETS = 5;

export function createBackend(transport: Transport): Backend {
  const open = new Map<number, Open>();
  const listeners = new Set<(up: boolean) => void>();
  // A page loaded anew must not meet the numbers of the page before it.
  let lastId = Math.floor(Math.random() * 2 ** 29);
  let wasDown = false;

  function begin(entry: Open): void {
    open.delete(entry.id);
    entry.id = ++lastId;
    entry.next = 0;
    open.set(entry.id, entry);
    const id = entry.id;
    transport.subscribe(id, entry.to).catch((error: unknown) => {
      if (open.get(id) === entry) console.warn('a subscription was refused', entry.to.topic, Failure.from(error).sentence);
    });
  }

  function resetAfterHole(entry: Open): void {
    transport.unsubscribe(entry.id);
    if (++entry.resets > MOST_RESETS) {
      open.delete(entry.id);
      console.error('a subscription never fitted and was given up', entry.to.topic);
      return;
    }
    begin(entry);
  }

  transport.start({
    batch(batch: Batch) {
      const entry = open.get(batch.subscription);
      if (!entry) return;
      if (batch.seq !== entry.next) {
        resetAfterHole(entry);
        return;
      }
      entry.next += 1;
      try {
        entry.onPush(batch);
        entry.resets = 0;
      } catch (error) {
        console.warn('a push did not fit and its list is asked for anew', entry.to.topic, String(error));
        resetAfterHole(entry);
      }
    },
    link(up: boolean) {
      if (up && wasDown) for (const entry of [...open.values()]) begin(entry);
      wasDown = !up;
      for (const listener of listeners) listener(up);
    },
  });

  return {
    kind: transport.kind,
    async request<N extends RequestName>(name: N, ...args: unknown[]): Promise<Answer<N>> {
      try {
        return (await transport.request(name, args[0])) as Answer<N>;
      } catch (error) {
        throw Failure.from(error);
      }
    },
    subscribe(to, onPush) {
      const entry: Open = { to, id: 0, next: 0, onPush, resets: 0 };
      begin(entry);
      return () => {
        if (open.delete(entry.id)) transport.unsubscribe(entry.id);
      };
    },
    upload: failing(transport.upload.bind(transport)),
    mediaUrl: transport.mediaUrl.bind(transport),
    callPicture: failing(transport.callPicture.bind(transport)),
    mediaBlob: failing(transport.mediaBlob.bind(transport)),
    saveMedia: failing(transport.saveMedia.bind(transport)),
    saveText: failing(transport.saveText.bind(transport)),
    openExternal: failing(transport.openExternal.bind(transport)),
    onLink(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

function failing<A extends unknown[], R>(call: (...args: A) => Promise<R>): (...args: A) => Promise<R> {
  return async (...args) => {
    try {
      return await call(...args);
    } catch (error) {
      throw Failure.from(error);
    }
  };
}
