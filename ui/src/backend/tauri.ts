/** The core in the same program, over Tauri's IPC. */
import { Channel, convertFileSrc, invoke } from '@tauri-apps/api/core';
import type { Batch } from './bindings/Batch';
import type { SavedFile } from './bindings/SavedFile';
import { pictureQuery, readPicture } from './call-picture';
import type { Transport, TransportEvents } from './types';

export function tauriTransport(): Transport {
  let events: TransportEvents | undefined;
  return {
    kind: 'tauri',
    start(to) {
      events = to;
      to.link(true);
    },
    request: (name, args) => invoke('request', { name, args: args ?? null }),
    async subscribe(id, to) {
      const channel = new Channel<Batch>();
      channel.onmessage = (batch) => events?.batch(batch);
      await invoke('subscribe', { id, to, channel });
    },
    unsubscribe(id) {
      invoke('unsubscribe', { id }).catch((error: unknown) => console.warn('unsubscribing failed', String(error)));
    },
    async upload(file, name) {
      const bytes = new Uint8Array(await file.arrayBuffer());
      const headers = { 'x-hearth-name': encodeURIComponent(name), 'content-type': file.type || 'application/octet-stream' };
      return (await invoke<{ upload: string }>('upload', bytes, { headers })).upload;
    },
    mediaUrl: (media, options) => convertFileSrc(media, 'media') + (options?.thumbnail ? '?thumbnail=1' : ''),
    async callPicture(wish) {
      return readPicture(await fetch(convertFileSrc('call-picture', 'media') + pictureQuery(wish)));
    },
    async mediaBlob(media) {
      const response = await fetch(convertFileSrc(media, 'media'));
      if (!response.ok) throw new Error(`the file could not be read (${response.status})`);
      return response.blob();
    },
    saveMedia: async (media, name) => {
      const saved = await invoke<SavedFile>('request', { name: 'save_media', args: { media, name } });
      return saved.path === null ? null : saved;
    },
    saveText: async (name, text) => {
      const saved = await invoke<SavedFile | null>('save_text', { name, text });
      return saved?.path ? saved : null;
    },
    openExternal: (url) => invoke('open_external', { url }),
  };
}
