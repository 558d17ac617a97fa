/** What leaves the composer beside messages: drafts, the typing sign, files. */
import type { Backend } from '~/backend/types';

const DRAFT_AFTER = 600;
const TYPING_EVERY = 3000;
const TYPING_ENDS = 5000;

export class Outgoing {
  readonly #backend: Backend;
  readonly #roomId: string;
  #draftTimer: ReturnType<typeof setTimeout> | undefined;
  #typingTimer: ReturnType<typeof setTimeout> | undefined;
  #toldTyping = 0;
  #kept: string | undefined;

  constructor(backend: Backend, roomId: string) {
    this.#backend = backend;
    this.#roomId = roomId;
  }

  typed(text: string, editing: boolean): void {
    if (!editing) {
      clearTimeout(this.#draftTimer);
      this.#draftTimer = setTimeout(() => this.#keep(text), DRAFT_AFTER);
    }
    if (text.trim() === '') {
      this.#stopTyping();
      return;
    }
    clearTimeout(this.#typingTimer);
    this.#typingTimer = setTimeout(() => this.#stopTyping(), TYPING_ENDS);
    const now = performance.now();
    if (this.#toldTyping && now - this.#toldTyping < TYPING_EVERY) return;
    this.#toldTyping = now;
    this.#quietly(this.#backend.request('set_typing', { room_id: this.#roomId, typing: true }));
  }

  sent(): void {
    clearTimeout(this.#draftTimer);
    this.#stopTyping();
    this.#keep('');
  }

  /** The composer goes away with this text in it. */
  close(text: string): void {
    clearTimeout(this.#draftTimer);
    this.#stopTyping();
    if (this.#kept !== undefined || text !== '') this.#keep(text);
  }

  /** One after the other; the caption and the answered message go with the first. */
  async files(files: readonly File[], caption: string | null, replyTo: string | null): Promise<void> {
    for (const [at, file] of files.entries()) {
      const upload = await this.#backend.upload(file, file.name);
      await this.#backend.request('send_attachment', {
        room_id: this.#roomId,
        attachment: {
          upload,
          name: file.name,
          mime: file.type || 'application/octet-stream',
          caption: at === 0 ? caption : null,
          reply_to: at === 0 ? replyTo : null,
        },
      });
    }
  }

  #keep(text: string): void {
    if (text === (this.#kept ?? '') && this.#kept !== undefined) return;
    this.#kept = text;
    this.#quietly(this.#backend.request('set_draft', { room_id: this.#roomId, text }));
  }

  #stopTyping(): void {
    clearTimeout(this.#typingTimer);
    if (!this.#toldTyping) return;
    this.#toldTyping = 0;
    this.#quietly(this.#backend.request('set_typing', { room_id: this.#roomId, typing: false }));
  }

  /** Neither a draft nor a typing sign is worth a notice. */
  #quietly(request: Promise<unknown>): void {
    request.catch((error: unknown) => console.warn('a small thing could not be told', String(error)));
  }
}
