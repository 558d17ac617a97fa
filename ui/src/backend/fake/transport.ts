/** A core in memory: for screenshots, for tests, and for work on the UI without Rust. */
// Long because it answers every request of the app, one short function each.
import type { Attachment } from '../bindings/Attachment';
import type { CallFrame } from '../bindings/CallFrame';
import type { CallView } from '../bindings/CallView';
import type { Cameras } from '../bindings/Cameras';
import type { CreateStep } from '../bindings/CreateStep';
import type { Member } from '../bindings/Member';
import type { MessageDraft } from '../bindings/MessageDraft';
import type { Push } from '../bindings/Push';
import type { Request } from '../bindings/Request';
import type { ScanView } from '../bindings/ScanView';
import type { Settings } from '../bindings/Settings';
import type { SoundChoice } from '../bindings/SoundChoice';
import type { Status } from '../bindings/Status';
import type { Subscription } from '../bindings/Subscription';
import type { TimelineRow } from '../bindings/TimelineRow';
import type { VectorDiff } from '../bindings/VectorDiff';
import { Failure, type Transport, type TransportEvents } from '../types';
import { OUR_FRAME, THEIR_FRAME } from './frames';
import { message, person, roomRow, roomView, textBody } from './make';
import { drawing } from './pictures';
import { scene, type Room, type Scene } from './scenes';
import { soundDevices, spoken } from './sound';

const STEPS: CreateStep[] = ['data_folder', 'server_identity', 'server', 'account', 'cross_signing', 'recovery_key'];
const LINK = 'hearth:jonas@5kxqv3hz7m2pna4d6wte9rcy8sfjgulb?at=192.168.1.20:41234&relay=none';

export interface FakeTransport extends Transport {
  readonly scene: Scene;
  /** What was asked, oldest first. */
  readonly asked: Request[];
  /** A message arrives. */
  receive(roomId: string, body: string): void;
  setStatus(status: Status): void;
  /** The camera sees something else. */
  scanned(view: ScanView): void;
  /** Makes a hole in the numbering of one topic. */
  skip(topic: Subscription['topic']): void;
  /** Breaks the connection and comes back. */
  reconnect(): void;
  saved: { name: string; text: string }[];
}

export function fakeTransport(name: string, part: Partial<Scene> = {}, now: number = Date.now()): FakeTransport {
  const fake = new Fake({ ...scene(name, now), ...part });
  // For scripts that look at the page from outside.
  (globalThis as { hearthFake?: FakeTransport }).hearthFake = fake;
  return fake;
}

interface Listener {
  id: number;
  seq: number;
  to: Subscription;
}

class Fake implements FakeTransport {
  readonly kind = 'fake';
  readonly asked: Request[] = [];
  readonly saved: { name: string; text: string }[] = [];
  readonly scene: Scene;
  #events: TransportEvents | undefined;
  #listeners = new Map<number, Listener>();
  #settings: Settings = { theme: 'system', text_size: 100, notifications: true, notification_previews: true, send_read_receipts: true, send_typing: true };
  #pictures = new Map<string, string>();
  #calls: CallView[];
  #sound: SoundChoice = { microphone: null, speaker: null };
  #cameras: Cameras;
  #last = 0;

  constructor(started: Scene) {
    this.scene = started;
    this.#calls = started.calls ?? [];
    this.#cameras = { found: started.cameras ?? [{ id: 'front', name: 'Integrated Camera' }, { id: 'usb', name: 'USB camera' }], chosen: null };
    this.#settings.text_size = started.textSize ?? 100;
  }

  start(events: TransportEvents): void {
    this.#events = events;
    events.link(true);
  }

  async subscribe(id: number, to: Subscription): Promise<void> {
    const listener = { id, seq: 0, to };
    this.#listeners.set(id, listener);
    await Promise.resolve();
    const first = this.#whole(to);
    if (first) this.#send(listener, first);
    if (to.topic === 'call_frames') for (const value of this.#frames()) this.#send(listener, { kind: 'call_frame', value });
  }

  unsubscribe(id: number): void {
    this.#listeners.delete(id);
  }

  async request(name: string, args: unknown): Promise<unknown> {
    const request = { name, args } as Request;
    this.asked.push(request);
    await this.#wait(this.scene.pace / 4);
    return this.#answer(request);
  }

  async upload(file: Blob, _name: string): Promise<string> {
    const token = `upload-${++this.#last}`;
    if (file.type.startsWith('image/')) this.#pictures.set(token, URL.createObjectURL(file));
    return token;
  }

  mediaUrl(media: string): string {
    return this.#pictures.get(media) ?? drawing(media);
  }

  async callPicture() {
    return null;
  }

  async mediaBlob(_media: string): Promise<Blob> {
    return new Blob([]);
  }

  async saveMedia(_media: string, name: string) {
    return { path: `/home/jonas/Downloads/${name}`, url: null };
  }

  async saveText(name: string, text: string) {
    this.saved.push({ name, text });
    return { path: `/home/jonas/${name}`, url: null };
  }

  async openExternal(_url: string): Promise<void> {}

  receive(roomId: string, body: string): void {
    const room = this.#room(roomId);
    const sender = room.people[0] ?? person('Someone');
    this.#push(room, [{ op: 'push_back', value: message(sender, Date.now(), body) }]);
    this.#preview(room, sender.name, body, false);
    room.row = { ...room.row, unread: room.row.unread + 1, notifications: room.row.notifications + 1 };
    this.#listed(room);
  }

  setStatus(status: Status): void {
    this.scene.status = status;
    if (status.phase === 'ready') this.scene.me = status.me;
    this.#tell({ topic: 'status' }, { kind: 'status', value: status });
  }

  scanned(view: ScanView): void {
    this.scene.scan = view;
    this.#tell({ topic: 'scan' }, { kind: 'scan', value: view });
  }

  skip(topic: Subscription['topic']): void {
    for (const listener of this.#listeners.values()) if (listener.to.topic === topic) listener.seq += 1;
  }

  reconnect(): void {
    this.#listeners.clear();
    this.#events?.link(false);
    this.#events?.link(true);
  }

  async #answer(request: Request): Promise<unknown> {
    switch (request.name) {
      case 'create_account':
        void this.#create(request.args.display_name);
        return null;
      case 'sign_in':
        if (request.args.password === 'wrong') throw new Failure({ code: 'wrong_password', sentence: 'The user name or the password is wrong.', detail: null });
        this.setStatus({ phase: 'ready', me: { ...this.scene.me, own_server: false, recovery_kit_seen: true } });
        return null;
      case 'unlock':
        if (request.args.passphrase === 'wrong') throw new Failure({ code: 'wrong_passphrase', sentence: 'That is not the passphrase.', detail: null });
        this.setStatus({ phase: 'ready', me: this.scene.me });
        return null;
      case 'try_again':
        this.setStatus({ phase: 'ready', me: this.scene.me });
        return null;
      case 'get_recovery_kit':
        return { recovery_key: 'EsTL 7mQx 9rWd 2pKc', file_name: 'hearth-recovery-kit.txt', text: 'Hearth recovery kit\n\nEsTL 7mQx 9rWd 2pKc\n' };
      case 'recovery_kit_seen':
        this.setStatus({ phase: 'ready', me: { ...this.scene.me, recovery_kit_seen: true, recovery_kit_saved: this.scene.me.recovery_kit_saved || request.args.saved } });
        return null;
      case 'get_invite_link':
        return { link: LINK, matrix_uri: 'matrix:u/jonas:5kxqv3.key.example' };
      case 'open_invite_link':
        if (!/^(hearth|matrix):/.test(request.args.link)) throw new Failure({ code: 'bad_invite_link', sentence: 'That is not an invite link.', detail: null });
        if (request.args.link === LINK) throw new Failure({ code: 'own_invite_link', sentence: 'That is your own link.', detail: null });
        return this.#chatWith('Sana');
      case 'start_direct_chat': {
        const known = this.scene.rooms.find((room) => room.row.direct_user_id === request.args.user_id);
        return known ? { room_id: known.row.room_id } : this.#chatWith(request.args.user_id.slice(1).split(':')[0] ?? 'someone');
      }
      case 'search_people': {
        const people = new Map(this.scene.rooms.flatMap((room) => room.people).map((one) => [one.user_id, one]));
        const wanted = request.args.text.toLowerCase();
        return [...people.values()].filter((one) => one.name.toLowerCase().includes(wanted) || one.user_id.includes(wanted));
      }
      case 'get_members':
        return this.#members(request.args.room_id);
      case 'get_settings':
        return this.#settings;
      case 'set_settings':
        this.#settings = request.args.settings;
        return null;
      case 'choose_sound':
        this.#sound = request.args.choice;
        this.#tell({ topic: 'sound_devices' }, soundDevices(this.#sound));
        return null;
      case 'check_network':
        return { reach: 'most', host: true, reflexive: true, relay: false, asked: true };
      case 'play_test_sound':
        return null;
      case 'set_display_name':
        this.setStatus({ phase: 'ready', me: { ...this.scene.me, name: request.args.name } });
        return null;
      case 'set_avatar':
        this.setStatus({ phase: 'ready', me: { ...this.scene.me, avatar: request.args.upload } });
        return null;
      case 'create_room': {
        const row = roomRow(`!made${++this.#last}:x`, request.args.name, { kind: 'room', last_activity: Date.now() });
        return this.#add({ row, view: roomView(row, { topic: request.args.topic, encrypted: request.args.encrypted, joined_members: 1 }), rows: [{ id: `start-${row.room_id}`, row: 'start' }], typing: [], people: [], older: [] });
      }
      case 'place_call':
      case 'accept_call':
      case 'decline_call':
      case 'silence_call':
      case 'hang_up':
      case 'set_call_media':
      case 'close_call':
      case 'refresh_call_frames':
        return this.#call(request);
      case 'choose_camera':
        this.#cameras = { ...this.#cameras, chosen: request.args.camera };
        this.#tell({ topic: 'cameras' }, { kind: 'cameras', value: this.#cameras });
        return null;
      case 'save_media':
      case 'restore_backup':
      case 'set_focus':
      case 'set_typing':
        return null;
      default:
        return this.#inRoom(request);
    }
  }

  #call(request: Extract<Request, { name: `${string}call${string}` | 'hang_up' }>): null {
    if (request.name === 'place_call') {
      const room = this.#room(request.args.room_id);
      const base = { microphone: true, camera: request.args.video, screen: false, on_hold: false };
      this.#calls = [
        ...this.#calls,
        { room_id: room.row.room_id, call_id: `call-${++this.#last}`, person: room.people[0] ?? null, incoming: false, state: { state: 'calling' }, ours: base, theirs: { muted: false, camera: false, screen: false, screen_stream: null }, held_by_them: false, lost: [], no_picture: null, quality: 'unknown' },
      ];
    } else if (request.name !== 'refresh_call_frames') {
      const { call } = request.args;
      this.#calls = this.#calls.flatMap((one): CallView[] => {
        if (one.call_id !== call.call_id) return [one];
        if (request.name === 'accept_call') return [{ ...one, state: { state: 'connected', elapsed: 0 }, ours: { ...one.ours, camera: request.args.video } }];
        if (request.name === 'silence_call') return [{ ...one, state: { state: 'ringing', video: false, silent: true } }];
        if (request.name !== 'set_call_media') return [];
        const wish = Object.fromEntries(Object.entries(request.args.wish).filter(([, value]) => value !== null));
        return [{ ...one, ours: { ...one.ours, ...wish } }];
      });
    }
    this.#tell({ topic: 'calls' }, { kind: 'calls', value: this.#calls });
    return null;
  }

  /** The first picture of each stream. */
  #frames(): CallFrame[] {
    const theirs = { ours: false, key: true, width: 320, height: 180, stamp: 0, data: THEIR_FRAME };
    const screen = this.#calls[0]?.theirs.screen_stream;
    return [
      { ...theirs, stream: 'their-face' },
      ...(screen ? [{ ...theirs, stream: screen }] : []),
      { ours: true, key: true, width: 160, height: 90, stamp: 0, data: OUR_FRAME, stream: 'our-face' },
    ];
  }

  async #inRoom(request: Extract<Request, { args: { room_id: string } }>): Promise<unknown> {
    const room = this.#room(request.args.room_id);
    switch (request.name) {
      case 'accept_invite': {
        room.row = { ...room.row, kind: room.row.direct_user_id ? 'direct' : 'room' };
        this.#change(room, { kind: room.row.kind, invite: null });
        this.#push(room, [{ op: 'push_back', value: { id: `start-${room.row.room_id}`, row: 'start' } }]);
        break;
      }
      case 'decline_invite':
      case 'leave_room': {
        const index = this.scene.rooms.indexOf(room);
        this.scene.rooms.splice(index, 1);
        this.#tell({ topic: 'room_list' }, { kind: 'room_list', value: [{ op: 'remove', index }] });
        break;
      }
      case 'rename_room':
        room.row = { ...room.row, name: request.args.name };
        this.#change(room, { name: request.args.name });
        break;
      case 'set_room_topic':
        this.#change(room, { topic: request.args.topic || null });
        break;
      case 'set_favourite':
        room.row = { ...room.row, favourite: request.args.favourite };
        this.#change(room, { favourite: request.args.favourite });
        break;
      case 'set_muted':
        room.row = { ...room.row, muted: request.args.muted };
        this.#change(room, { muted: request.args.muted });
        break;
      case 'mark_read':
        if (room.row.unread > 0) {
          room.row = { ...room.row, unread: 0, notifications: 0, mentions: 0 };
          this.#listed(room);
        }
        break;
      case 'set_draft':
        room.row = { ...room.row, draft: request.args.text || null };
        this.#listed(room);
        break;
      case 'load_older': {
        await this.#wait(this.scene.pace);
        const page = room.older.pop();
        if (page) this.#push(room, [...page].reverse().map((value) => ({ op: 'push_front', value })));
        return { reached_start: room.older.length === 0 };
      }
      case 'send_message':
        this.#sendMessage(room, request.args.draft);
        break;
      case 'send_attachment':
        this.#sendFile(room, request.args.attachment);
        break;
      case 'send_recording':
        this.#own(room, message(this.#self(), Date.now(), spoken(4200), { is_own: true, event_id: null, send_state: { state: 'sending' } }), 'Voice message');
        break;
      case 'edit_message':
        this.#set(room, request.args.row_id, { body: textBody(request.args.draft.body), edited: true });
        break;
      case 'redact_message':
        this.#set(room, request.args.row_id, { body: { type: 'redacted' }, reactions: [], can_edit: false, can_redact: false });
        break;
      case 'toggle_reaction':
        this.#react(room, request.args.row_id, request.args.key);
        break;
      case 'retry_send':
        this.#set(room, request.args.row_id, { send_state: { state: 'sending' } });
        this.#deliver(room, request.args.row_id);
        break;
      case 'cancel_send': {
        const index = room.rows.findIndex((row) => row.id === request.args.row_id);
        if (index >= 0) this.#push(room, [{ op: 'remove', index }]);
        break;
      }
      case 'invite':
        this.#change(room, { invited_members: room.view.invited_members + 1 });
        break;
      default:
        break;
    }
    return null;
  }

  async #create(name: string): Promise<void> {
    this.scene.me = { ...this.scene.me, name };
    for (const step of STEPS) {
      this.setStatus({ phase: 'creating', step });
      await this.#wait(this.scene.pace);
    }
    this.setStatus({ phase: 'ready', me: this.scene.me });
  }

  #chatWith(name: string): { room_id: string } {
    const other = person(name);
    const row = roomRow(`!chat${++this.#last}:x`, name, { direct_user_id: other.user_id, last_activity: Date.now() });
    const view = roomView(row, { direct_user: other, joined_members: 1, invited_members: 1, waiting_for: other });
    return this.#add({ row, view, rows: [{ id: `start-${row.room_id}`, row: 'start' }], typing: [], people: [other], older: [] });
  }

  #add(room: Room): { room_id: string } {
    this.scene.rooms.unshift(room);
    this.#tell({ topic: 'room_list' }, { kind: 'room_list', value: [{ op: 'push_front', value: room.row }] });
    return { room_id: room.row.room_id };
  }

  #members(roomId: string): Member[] {
    const room = this.#room(roomId);
    const { user_id, name, avatar, hue } = this.scene.me;
    const me: Member = { person: { user_id, name, avatar, hue }, membership: 'joined', power_level: null, role: 'admin', is_me: true, can_remove: false };
    return [
      me,
      ...room.people.map((one): Member => ({
        person: one,
        membership: room.view.waiting_for?.user_id === one.user_id ? 'invited' : 'joined',
        power_level: 0,
        role: null,
        is_me: false,
        can_remove: room.row.kind === 'room',
      })),
    ];
  }

  #sendMessage(room: Room, draft: MessageDraft): void {
    const answered = room.rows.find((row) => row.row === 'message' && row.event_id === draft.reply_to);
    const quote = answered?.row === 'message' ? { event_id: answered.event_id ?? '', sender: answered.sender, text: answered.body.type === 'text' ? answered.body.plain : '' } : null;
    this.#own(room, message(this.#self(), Date.now(), draft.body, { is_own: true, event_id: null, reply_to: quote, send_state: { state: 'sending' } }), draft.body);
  }

  #sendFile(room: Room, file: Attachment): void {
    const facts = { media: file.upload, name: file.name, caption: file.caption, size: 48_000, mime: file.mime, width: null, height: null };
    const body = file.mime.startsWith('image/') ? { type: 'picture' as const, ...facts, thumbnail: null, blurhash: null } : { type: 'file' as const, ...facts, duration: null };
    this.#own(room, message(this.#self(), Date.now(), body, { is_own: true, event_id: null, send_state: { state: 'uploading', progress: 0.4 } }), file.name);
  }

  #own(room: Room, row: TimelineRow, words: string): void {
    this.#push(room, [{ op: 'push_back', value: row }]);
    this.#preview(room, this.scene.me.name, words, true);
    if (this.scene.connection.state !== 'offline') this.#deliver(room, row.id);
  }

  #deliver(room: Room, rowId: string): void {
    const done = () => {
      if (this.scene.failing) this.#set(room, rowId, { send_state: { state: 'failed', sentence: 'The message was not accepted.', retry: true } });
      else this.#set(room, rowId, { send_state: { state: 'sent' }, event_id: `$${rowId}`, can_edit: true, can_redact: true });
    };
    setTimeout(done, this.scene.pace);
  }

  #react(room: Room, rowId: string, key: string): void {
    const row = room.rows.find((one) => one.id === rowId);
    if (row?.row !== 'message') return;
    const known = row.reactions.find((one) => one.key === key);
    const name = this.scene.me.name;
    const reactions = known
      ? row.reactions
          .map((one) => (one !== known ? one : { ...one, mine: !one.mine, count: one.count + (one.mine ? -1 : 1), people: one.mine ? one.people.filter((who) => who !== name) : [...one.people, name] }))
          .filter((one) => one.count > 0)
      : [...row.reactions, { key, count: 1, mine: true, people: [name] }];
    this.#set(room, rowId, { reactions });
  }

  #set(room: Room, rowId: string, part: Partial<TimelineRow & { row: 'message' }>): void {
    const index = room.rows.findIndex((row) => row.id === rowId);
    const row = room.rows[index];
    if (row) this.#push(room, [{ op: 'set', index, value: { ...row, ...part } as TimelineRow }]);
  }

  #push(room: Room, diffs: VectorDiff<TimelineRow>[]): void {
    for (const diff of diffs) {
      if (diff.op === 'push_back') room.rows.push(diff.value);
      if (diff.op === 'push_front') room.rows.unshift(diff.value);
      if (diff.op === 'set') room.rows[diff.index] = diff.value;
      if (diff.op === 'remove') room.rows.splice(diff.index, 1);
    }
    this.#tell({ topic: 'timeline', room_id: room.row.room_id }, { kind: 'timeline', value: diffs });
  }

  #preview(room: Room, sender: string, text: string, mine: boolean): void {
    room.row = { ...room.row, last_activity: Date.now(), preview: { sender, sender_is_me: mine, text, sending: false, failed: false } };
    this.#listed(room);
  }

  #change(room: Room, part: Partial<Room['view']>): void {
    room.view = { ...room.view, ...part };
    this.#tell({ topic: 'room', room_id: room.row.room_id }, { kind: 'room', value: room.view });
    this.#listed(room);
  }

  #listed(room: Room): void {
    this.#tell({ topic: 'room_list' }, { kind: 'room_list', value: [{ op: 'set', index: this.scene.rooms.indexOf(room), value: room.row }] });
  }

  #room(roomId: string): Room {
    const room = this.scene.rooms.find((one) => one.row.room_id === roomId);
    if (!room) throw new Failure({ code: 'not_found', sentence: 'There is no such room.', detail: roomId });
    return room;
  }

  #self() {
    const { user_id, name, avatar, hue } = this.scene.me;
    return { user_id, name, avatar, hue };
  }

  #whole(to: Subscription): Push | null {
    if (to.topic === 'status') return { kind: 'status', value: this.scene.status };
    if (to.topic === 'connection') return { kind: 'connection', value: this.scene.connection };
    if (to.topic === 'room_list') return { kind: 'room_list', value: [{ op: 'reset', values: this.scene.rooms.map((room) => room.row) }] };
    if (to.topic === 'calls') return { kind: 'calls', value: this.#calls };
    if (to.topic === 'sound_devices') return soundDevices(this.#sound);
    if (to.topic === 'recording') return { kind: 'recording', value: { state: 'recording', elapsed: 4200, level: 48 } };
    if (to.topic === 'microphone_level') return { kind: 'microphone_level', value: { level: 62 } };
    if (to.topic === 'cameras') return { kind: 'cameras', value: this.#cameras };
    if (to.topic === 'scan') return { kind: 'scan', value: this.scene.scan ?? { state: 'starting' } };
    if (to.topic === 'events' || to.topic === 'call_frames') return null;
    const room = this.scene.rooms.find((one) => one.row.room_id === to.room_id);
    if (!room) return null;
    if (to.topic === 'room') return { kind: 'room', value: room.view };
    if (to.topic === 'typing') return { kind: 'typing', value: { people: room.typing } };
    return this.scene.stalled ? null : { kind: 'timeline', value: [{ op: 'reset', values: [...room.rows] }] };
  }

  #tell(to: Subscription, push: Push): void {
    for (const listener of this.#listeners.values()) if (JSON.stringify(listener.to) === JSON.stringify(to)) this.#send(listener, push);
  }

  #send(listener: Listener, push: Push): void {
    this.#events?.batch({ subscription: listener.id, seq: listener.seq++, ...push });
  }

  #wait(milliseconds: number): Promise<void> {
    return new Promise((done) => setTimeout(done, milliseconds));
  }
}
