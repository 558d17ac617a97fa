/** The seam: what the UI may ask of the core, whichever way it is reached. */
import type { AppError } from './bindings/AppError';
import type { CallRef } from './bindings/CallRef';
import type { Batch } from './bindings/Batch';
import type { Push } from './bindings/Push';
import type { Reply } from './bindings/Reply';
import type { Request } from './bindings/Request';
import type { SavedFile } from './bindings/SavedFile';
import type { Subscription } from './bindings/Subscription';

export type RequestName = Request['name'];
export type RequestArgs<N extends RequestName> = Extract<Request, { name: N }> extends { args: infer A } ? A : undefined;
export type Answer<N extends RequestName> = N extends keyof Reply ? Reply[N] : null;
type ArgsOf<N extends RequestName> = RequestArgs<N> extends undefined ? [] : [args: RequestArgs<N>];

export interface MediaOptions {
  /** A small square picture will do. */
  thumbnail?: boolean;
}

/** A picture of a call that the core decoded. */
export interface CallPicture {
  /** Of this picture in its stream. */
  number: number;
  width: number;
  height: number;
  data: Uint8Array<ArrayBuffer>;
}

export interface CallPictureWish extends CallRef {
  stream: string;
  /** The number of the picture that was fetched last, from 0. */
  after: number;
  /** I420 without gaps instead of JPEG. */
  raw: boolean;
}

export interface Backend {
  readonly kind: 'tauri' | 'bridge' | 'fake';
  /** Rejects with a `Failure`. */
  request<N extends RequestName>(name: N, ...args: ArgsOf<N>): Promise<Answer<N>>;
  /** Pushes arrive in order and without holes; after a hole or a reconnect the first one is a whole state again. Answers a function that ends it. */
  subscribe(to: Subscription, onPush: (push: Push) => void): () => void;
  /** Hands a file to the core; answers the token by which a request names it. */
  upload(file: Blob, name: string): Promise<string>;
  /** An address for `<img src>`. */
  mediaUrl(media: string, options?: MediaOptions): string;
  /** The newest picture of a stream, where the system decodes none; `null` when none came for a while. */
  callPicture(wish: CallPictureWish): Promise<CallPicture | null>;
  /** The whole file, for sound and video. */
  mediaBlob(media: string): Promise<Blob>;
  /** `null` when the person changed their mind. */
  saveMedia(media: string, name: string): Promise<SavedFile | null>;
  saveText(name: string, text: string): Promise<SavedFile | null>;
  openExternal(url: string): Promise<void>;
  /** Told whenever the way to the core is lost or found again. */
  onLink(listener: (up: boolean) => void): () => void;
}

/** One way to reach the core; `consumer.ts` makes a `Backend` of it. */
export interface Transport {
  readonly kind: Backend['kind'];
  start(events: TransportEvents): void;
  request(name: string, args: unknown): Promise<unknown>;
  subscribe(id: number, to: Subscription): Promise<void>;
  unsubscribe(id: number): void;
  upload: Backend['upload'];
  mediaUrl: Backend['mediaUrl'];
  callPicture: Backend['callPicture'];
  mediaBlob: Backend['mediaBlob'];
  saveMedia: Backend['saveMedia'];
  saveText: Backend['saveText'];
  openExternal: Backend['openExternal'];
}

export interface TransportEvents {
  batch(batch: Batch): void;
  /** `true` after a loss means that every subscription has to be made anew. */
  link(up: boolean): void;
}

/** A failed request: the UI switches on `code`. */
export class Failure extends Error implements AppError {
  readonly code: AppError['code'];
  readonly sentence: string;
  readonly detail: string | null;

  constructor(error: AppError) {
    super(error.sentence);
    this.name = 'Failure';
    this.code = error.code;
    this.sentence = error.sentence;
    this.detail = error.detail;
  }

  /** Whatever was thrown, as a `Failure`. */
  static from(thrown: unknown): Failure {
    if (thrown instanceof Failure) return thrown;
    if (isAppError(thrown)) return new Failure(thrown);
    const detail = thrown instanceof Error ? thrown.message : String(thrown);
    return new Failure({ code: 'failed', sentence: 'That did not work.', detail });
  }
}

function isAppError(value: unknown): value is AppError {
  return typeof value === 'object' && value !== null && 'code' in value && 'sentence' in value;
}
