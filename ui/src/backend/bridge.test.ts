/** The bridge's side of the wire, against a socket that records. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { bridgeTransport, takeToken } from './bridge';

class Socket {
  static readonly OPEN = 1;
  static made: Socket[] = [];
  readyState = 0;
  sent: Record<string, unknown>[] = [];
  onopen: (() => void) | null = null;
  onclose: (() => void) | null = null;
  onmessage: ((message: { data: string }) => void) | null = null;
  readonly url: string;
  readonly protocols: string[];

  constructor(url: string, protocols: string[]) {
    this.url = url;
    this.protocols = protocols;
    Socket.made.push(this);
  }

  send(frame: string): void {
    this.sent.push(JSON.parse(frame) as Record<string, unknown>);
  }

  async open(): Promise<void> {
    this.readyState = Socket.OPEN;
    this.onopen?.();
    await vi.waitFor(() => expect(fetch).toHaveBeenCalled());
    await Promise.resolve();
    await Promise.resolve();
  }

  answer(frame: unknown): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  close(): void {
    this.readyState = 3;
    this.onclose?.();
  }
}

const events = () => ({ batch: vi.fn(), link: vi.fn() });

beforeEach(() => {
  Socket.made = [];
  vi.stubGlobal('WebSocket', Socket);
  vi.stubGlobal('fetch', vi.fn(async () => new Response(null, { status: 204 })));
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
  sessionStorage.clear();
});

describe('the token', () => {
  it('leaves the address bar and outlives a reload of the tab', () => {
    history.replaceState(null, '', '/#secret');
    expect(takeToken(location, sessionStorage, history)).toBe('secret');
    expect(location.href).not.toContain('secret');
    expect(takeToken(location, sessionStorage, history)).toBe('secret');
  });

  it('is not taken for a place in the app', () => {
    sessionStorage.setItem('hearth.bridge-token', 'kept');
    history.replaceState(null, '', '/#/room/!a%3Ab');
    expect(takeToken(location, sessionStorage, history)).toBe('kept');
    expect(location.hash).toBe('#/room/!a%3Ab');
  });
});

describe('the socket', () => {
  it('carries the token as a subprotocol, never in an address', async () => {
    const transport = bridgeTransport('secret', 'localhost:9');
    transport.start(events());
    const [socket] = Socket.made;
    expect(socket?.url).toBe('ws://localhost:9/ipc');
    expect(socket?.protocols).toEqual(['hearth-ipc', 'token.secret']);
    await socket?.open();
    expect(vi.mocked(fetch).mock.calls[0]?.[0]).toBe('/session');
    expect(transport.mediaUrl('mxc://a/b')).toBe('/media/mxc%3A%2F%2Fa%2Fb');
  });

  it('holds requests until it is open and matches answers by id', async () => {
    const transport = bridgeTransport('secret', 'localhost:9');
    transport.start(events());
    const [socket] = Socket.made;
    const asked = transport.request('get_settings', undefined);
    expect(socket?.sent).toEqual([]);
    await socket?.open();
    await vi.waitFor(() => expect(socket?.sent).toHaveLength(1));
    const frame = socket?.sent[0];
    expect(frame).toMatchObject({ t: 'request', name: 'get_settings' });
    expect(frame).not.toHaveProperty('args');
    socket?.answer({ t: 'reply', id: frame?.id, ok: { theme: 'dark' } });
    await expect(asked).resolves.toEqual({ theme: 'dark' });
  });

  it('fails what was asked when the line breaks, says so, and comes back', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    const told = events();
    const transport = bridgeTransport('secret', 'localhost:9');
    transport.start(told);
    await Socket.made[0]?.open();
    const asked = transport.request('get_settings', undefined);
    Socket.made[0]?.close();
    await expect(asked).rejects.toMatchObject({ code: 'failed' });
    expect(told.link).toHaveBeenLastCalledWith(false);
    vi.advanceTimersByTime(300);
    expect(Socket.made).toHaveLength(2);
    await Socket.made[1]?.open();
    expect(told.link).toHaveBeenLastCalledWith(true);
    expect(Socket.made[1]?.sent).toEqual([]);
  });

  it('hands on pushes', async () => {
    const told = events();
    bridgeTransport('secret', 'localhost:9').start(told);
    await Socket.made[0]?.open();
    const batch = { subscription: 4, seq: 0, kind: 'typing', value: { people: [] } };
    Socket.made[0]?.answer({ t: 'push', batch });
    expect(told.batch).toHaveBeenCalledWith(batch);
  });
});
