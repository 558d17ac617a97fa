/** Everything the core tells, as reactive state; the last few rooms stay subscribed so that going back paints at once. */
import type { AppEvent } from './bindings/AppEvent';
import type { CallView } from './bindings/CallView';
import type { Connection } from './bindings/Connection';
import type { RoomRow } from './bindings/RoomRow';
import type { RoomView } from './bindings/RoomView';
import type { Status } from './bindings/Status';
import type { TimelineRow } from './bindings/TimelineRow';
import type { Typing } from './bindings/Typing';
import { applyDiffs } from './diff';
import type { Backend } from './types';

const ROOMS_KEPT = 6;

/** One open room. `loaded` turns true with the first timeline. */
export class OpenRoom {
  view = $state.raw<RoomView>();
  rows = $state.raw<TimelineRow[]>([]);
  loaded = $state(false);
  typing = $state.raw<Typing>({ people: [] });
  readonly roomId: string;
  #end: (() => void)[];

  constructor(backend: Backend, roomId: string) {
    this.roomId = roomId;
    this.#end = [
      backend.subscribe({ topic: 'room', room_id: roomId }, (push) => {
        if (push.kind === 'room') this.view = push.value;
      }),
      backend.subscribe({ topic: 'timeline', room_id: roomId }, (push) => {
        if (push.kind !== 'timeline') return;
        this.rows = applyDiffs(this.rows, push.value);
        this.loaded = true;
      }),
      backend.subscribe({ topic: 'typing', room_id: roomId }, (push) => {
        if (push.kind === 'typing') this.typing = push.value;
      }),
    ];
  }

  close(): void {
    for (const end of this.#end) end();
  }
}

export class Store {
  status = $state.raw<Status>();
  connection = $state.raw<Connection>();
  rooms = $state.raw<RoomRow[]>([]);
  roomsLoaded = $state(false);
  calls = $state.raw<CallView[]>([]);
  /** Whether the core itself can be reached. */
  link = $state(true);
  readonly backend: Backend;
  #open = new Map<string, OpenRoom>();
  #roomList: (() => void) | undefined;
  #connection: (() => void) | undefined;
  #calls: (() => void) | undefined;
  #events: (() => void) | undefined;

  constructor(backend: Backend, onEvent: (event: AppEvent) => void) {
    this.backend = backend;
    backend.onLink((up) => (this.link = up));
    backend.subscribe({ topic: 'status' }, (push) => {
      if (push.kind !== 'status') return;
      this.status = push.value;
      if (push.value.phase === 'ready') this.#begin(onEvent);
    });
  }

  /** The room, subscribed; the one opened longest ago is let go. */
  open(roomId: string): OpenRoom {
    const known = this.#open.get(roomId);
    const room = known ?? new OpenRoom(this.backend, roomId);
    this.#open.delete(roomId);
    this.#open.set(roomId, room);
    if (this.#open.size > ROOMS_KEPT) {
      const [oldest] = this.#open.keys();
      if (oldest !== undefined) this.forget(oldest);
    }
    return room;
  }

  forget(roomId: string): void {
    this.#open.get(roomId)?.close();
    this.#open.delete(roomId);
  }

  #begin(onEvent: (event: AppEvent) => void): void {
    this.#roomList ??= this.backend.subscribe({ topic: 'room_list' }, (push) => {
      if (push.kind !== 'room_list') return;
      this.rooms = applyDiffs(this.rooms, push.value);
      this.roomsLoaded = true;
    });
    this.#connection ??= this.backend.subscribe({ topic: 'connection' }, (push) => {
      if (push.kind === 'connection') this.connection = push.value;
    });
    this.#calls ??= this.backend.subscribe({ topic: 'calls' }, (push) => {
      if (push.kind === 'calls') this.calls = push.value;
    });
    this.#events ??= this.backend.subscribe({ topic: 'events' }, (push) => {
      if (push.kind === 'event') onEvent(push.value);
    });
  }
}
