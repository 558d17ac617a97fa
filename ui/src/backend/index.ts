/** Chooses the way to the core: the desktop shell, else (in builds that have them) the bridge or the fake. */
import { createBackend } from './consumer';
import type { Backend } from './types';

export async function connectBackend(): Promise<Backend> {
  if ('__TAURI_INTERNALS__' in window) return createBackend((await import('./tauri')).tauriTransport());
  if (__FAKE__) {
    const asked = new URLSearchParams(location.search);
    const { fakeTransport } = await import('./fake/transport');
    return createBackend(fakeTransport(asked.get('scene') ?? 'conversation', { textSize: Number(asked.get('text') ?? 100) }));
  }
  if (__BRIDGE__) {
    const { bridgeTransport, takeToken } = await import('./bridge');
    return createBackend(bridgeTransport(takeToken(location, sessionStorage, history)));
  }
  throw new Error('This page belongs to the Hearth app and works only inside it.');
}
