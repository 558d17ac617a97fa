/** The one consumer of pushes, over a core in memory. */
import { describe, expect, it, vi } from 'vitest';
import { createBackend } from './consumer';
import { fakeTransport } from './fake/transport';
import { Store } from './store.svelte';
import { Failure } from './types';

const MIRA = '!mira:x';
const quiet = () => vi.spyOn(console, 'warn').mockImplementation(() => {});

function started() {
  const transport = fakeTransport('conversation', { pace: 0 });
  const backend = createBackend(transport);
  return { transport, backend, store: new Store(backend, () => {}) };
}

describe('subscriptions', () => {
  it('tells the status, then the rooms', async () => {
    const { store } = started();
    await vi.waitFor(() => expect(store.rooms).toHaveLength(8));
    expect(store.status?.phase).toBe('ready');
    expect(store.connection?.state).toBe('online');
  });

  it('asks for everything anew after a hole in the numbering', async () => {
    const { transport, store } = started();
    const room = store.open(MIRA);
    await vi.waitFor(() => expect(room.loaded).toBe(true));
    const before = room.rows.length;
    transport.skip('timeline');
    transport.receive(MIRA, 'after the hole');
    await vi.waitFor(() => expect(room.rows).toHaveLength(before + 1));
    expect(room.rows.at(-1)).toMatchObject({ body: { plain: 'after the hole' } });
    transport.receive(MIRA, 'and on it goes');
    expect(room.rows).toHaveLength(before + 2);
  });

  it('asks anew when a diff does not fit, and stops asking when it never does', async () => {
    const warned = quiet();
    const failed = vi.spyOn(console, 'error').mockImplementation(() => {});
    const { backend } = started();
    let pushes = 0;
    backend.subscribe({ topic: 'connection' }, () => {
      pushes += 1;
      throw new Error('never fits');
    });
    await vi.waitFor(() => expect(failed).toHaveBeenCalled());
    expect(pushes).toBe(6);
    expect(warned).toHaveBeenCalledTimes(6);
  });

  it('comes back after the connection was lost', async () => {
    const { transport, store } = started();
    const room = store.open(MIRA);
    await vi.waitFor(() => expect(room.loaded).toBe(true));
    const before = room.rows.length;
    transport.reconnect();
    transport.receive(MIRA, 'while we were gone');
    await vi.waitFor(() => expect(room.rows).toHaveLength(before + 1));
    expect(store.link).toBe(true);
  });

  it('hears nothing more once ended', async () => {
    const { transport, backend } = started();
    const pushed = vi.fn();
    const end = backend.subscribe({ topic: 'timeline', room_id: MIRA }, pushed);
    await vi.waitFor(() => expect(pushed).toHaveBeenCalledTimes(1));
    end();
    transport.receive(MIRA, 'nobody listens');
    expect(pushed).toHaveBeenCalledTimes(1);
  });

  it('keeps six rooms open and lets go of the oldest', async () => {
    const { transport, store } = started();
    await vi.waitFor(() => expect(store.rooms).toHaveLength(8));
    const first = store.open(MIRA);
    await vi.waitFor(() => expect(first.loaded).toBe(true));
    for (const row of store.rooms.slice(1, 6)) store.open(row.room_id);
    expect(store.open(MIRA)).toBe(first);
    for (const row of store.rooms.slice(1, 8)) store.open(row.room_id);
    const seen = first.rows.length;
    transport.receive(MIRA, 'into the closed room');
    expect(first.rows).toHaveLength(seen);
    expect(store.open(MIRA)).not.toBe(first);
  });
});

describe('requests', () => {
  it('answers what the core answers', async () => {
    const { backend } = started();
    expect((await backend.request('get_invite_link')).link).toMatch(/^hearth:/);
  });

  it('fails with a code and a sentence', async () => {
    const { backend } = started();
    const error = await backend.request('open_invite_link', { link: 'nonsense' }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Failure);
    expect(error).toMatchObject({ code: 'bad_invite_link', sentence: 'That is not an invite link.' });
  });
});
