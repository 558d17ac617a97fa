/** What the fake core knows when it starts: one scene per picture to look at. */
import type { CallView } from '../bindings/CallView';
import type { CameraName } from '../bindings/CameraName';
import type { Connection } from '../bindings/Connection';
import type { Me } from '../bindings/Me';
import type { Person } from '../bindings/Person';
import type { RoomRow } from '../bindings/RoomRow';
import type { RoomView } from '../bindings/RoomView';
import type { ScanView } from '../bindings/ScanView';
import type { Status } from '../bindings/Status';
import type { TimelineRow } from '../bindings/TimelineRow';
import { callLines, lakeTrip, longNames, manyKinds, workshop } from './conversations';
import { message, person, roomRow, roomView } from './make';
import { SCANNED } from './scan';

export interface Room {
  row: RoomRow;
  view: RoomView;
  rows: TimelineRow[];
  typing: Person[];
  people: Person[];
  /** Older rows, handed out page by page. */
  older: TimelineRow[][];
}

export interface Scene {
  status: Status;
  me: Me;
  connection: Connection;
  rooms: Room[];
  /** Milliseconds until the core answers; 0 in tests. */
  pace: number;
  /** Timelines never arrive: to look at what waiting looks like. */
  stalled?: boolean;
  /** Sending fails: to look at what that looks like. */
  failing?: boolean;
  calls?: CallView[];
  /** Two of them, if it is not said. */
  cameras?: CameraName[];
  /** What a scan with the camera shows; "starting", if it is not said. */
  scan?: ScanView;
  /** Percent. */
  textSize?: number;
}

export const jonas: Me = {
  user_id: '@jonas:5kxqv3.key.example',
  name: 'Jonas',
  avatar: null,
  hue: 0,
  device_id: 'HEARTH',
  recovery_kit_seen: true,
  recovery_kit_saved: true,
  own_server: true,
};

const online: Connection = { state: 'online', sentence: 'by 14 people, on this network and beyond', peers_reachable: 3, peers_known: 14 };
const alone: Connection = { state: 'online', sentence: 'on this network', peers_reachable: 0, peers_known: 0 };
const offline: Connection = { state: 'offline', sentence: 'Messages will be sent later', peers_reachable: 0, peers_known: 14 };

function ready(part: Partial<Me> = {}): Pick<Scene, 'status' | 'me'> {
  const me = { ...jonas, ...part };
  return { status: { phase: 'ready', me }, me };
}

function failed(code: 'data_folder_in_use' | 'disk_full' | 'failed', sentence: string, detail: string | null): Status {
  return { phase: 'failed', error: { code, sentence, detail }, retry: true };
}

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

function rooms(now: number): Room[] {
  const mira = person('Mira', 'face');
  const leo = person('Leo');
  const anselm = person('Anselm Okafor');
  const nadja = person('Nadja');
  const tomas = person('Tomás');
  const priya = person('Priya');
  const direct = (other: Person, part: Partial<RoomRow>, rows: TimelineRow[] = [], view: Partial<RoomView> = {}): Room => {
    const row = roomRow(`!${other.name.slice(0, 5).toLowerCase().replace(/[^a-z]/g, '')}:x`, other.name, { avatar: other.avatar, direct_user_id: other.user_id, ...part });
    return { row, view: roomView(row, { direct_user: other, ...view }), rows, typing: [], people: [other], older: [] };
  };
  const group = (id: string, name: string, part: Partial<RoomRow>, people: Person[], rows: TimelineRow[] = [], view: Partial<RoomView> = {}): Room => {
    const row = roomRow(`!${id}:x`, name, { kind: 'room', ...part });
    return { row, view: roomView(row, { joined_members: people.length + 1, ...view }), rows, typing: [], people, older: [] };
  };
  const preview = (sender: string, text: string, mine = false) => ({ sender, sender_is_me: mine, text, sending: false, failed: false });
  const trip = direct(mira, { favourite: true, last_activity: now - 3 * 60_000, preview: preview('Mira', 'and the good coffee ☕'), typing: ['Mira'] }, lakeTrip(now, jonas, mira));
  trip.typing = [mira];
  const shop = group('shop', 'Workshop', { favourite: true, last_activity: now - 14 * 60_000, preview: preview('Leo', 'the kiln is free from four'), unread: 2, notifications: 2 }, [leo, mira, priya, anselm], workshop(now, jonas, [leo, mira, priya]), {
    topic: 'Clay, glazes and who has the key',
  });
  return [
    trip,
    shop,
    direct(anselm, { last_activity: now - 1.5 * HOUR, preview: preview('Anselm Okafor', 'Are you still up for the concert?'), draft: 'I can bring the' }, concert(now, anselm)),
    direct(nadja, { last_activity: now - 20 * HOUR, preview: preview('Jonas', 'see you on Sunday', true) }, callLines(now, jonas, nadja)),
    direct(tomas, { last_activity: now - 21 * HOUR, preview: preview('Tomás', 'call me when you are home'), unread: 1 }, [message(tomas, now - 21 * HOUR, 'call me when you are home')]),
    group('house', 'House meeting', { last_activity: now - 2 * DAY, preview: preview('Priya', 'minutes are in the file') }, [priya, leo], manyKinds(now, jonas, priya, leo)),
    group('rust', 'Rust Berlin', { last_activity: now - 3 * DAY, preview: preview('hana', 'reacted 🎉 to your message'), muted: true, unread: 4 }, [leo, priya]),
    group('books', 'Book club', { last_activity: now - 10 * DAY, preview: preview('Nadja', 'Next: The Dispossessed') }, [nadja, mira]),
  ];
}

function concert(now: number, anselm: Person): TimelineRow[] {
  const own = { user_id: jonas.user_id, name: jonas.name, avatar: null, hue: jonas.hue };
  return [
    message(anselm, now - 3 * HOUR, 'Are you still up for the concert?'),
    message(own, now - 47 * 60_000, 'Always. Shall I pick you up at seven?', { is_own: true, event_id: null, send_state: { state: 'sending' }, can_redact: true }),
  ];
}

function invites(now: number): Room[] {
  const sana = person('Sana Petrosyan');
  const leo = person('Leo');
  const one = roomRow('!invite:x', sana.name, { kind: 'invite', direct_user_id: sana.user_id, last_activity: now - 60_000 });
  const two = roomRow('!garden:x', 'Community garden', { kind: 'invite', last_activity: now - 2 * 60_000 });
  return [
    { row: one, view: roomView(one, { invite: { inviter: sana, is_direct: true } }), rows: [], typing: [], people: [sana], older: [] },
    { row: two, view: roomView(two, { invite: { inviter: leo, is_direct: false }, topic: 'Beds, compost and the watering list', joined_members: 12 }), rows: [], typing: [], people: [leo], older: [] },
  ];
}

/** A room of many that was joined a moment ago. */
function arriving(now: number): Room {
  const hana = person('hana');
  const row = roomRow('!crowd:x', 'Matrix HQ', { kind: 'room', last_activity: now });
  const view = roomView(row, { encrypted: false, topic: 'The room about Matrix', joined_members: 0, arriving: { arrived: 4000, all: 10_212 } });
  return { row, view, rows: [message(hana, now - 60_000, 'Welcome!')], typing: [], people: [hana], older: [] };
}

/** A call with Mira. */
function call(rooms: Room[], part: Partial<CallView>): CallView {
  const room = rooms[0];
  return {
    room_id: room?.row.room_id ?? '',
    call_id: 'call',
    person: room?.people[0] ?? null,
    incoming: false,
    state: { state: 'placing' },
    ours: { microphone: true, camera: false, screen: false, on_hold: false },
    theirs: { muted: false, camera: false, screen: false, screen_stream: null },
    held_by_them: false,
    lost: [],
    no_picture: null,
    quality: 'unknown',
    ...part,
  };
}

/** The scene of that name; "conversation" for an unknown one. */
export function scene(name: string, now: number): Scene {
  const full = { ...ready(), connection: online, rooms: rooms(now), pace: 250 };
  switch (name) {
    case 'first-run':
      return { ...full, status: { phase: 'first_run', keyring: true }, rooms: [], connection: alone, me: { ...jonas, recovery_kit_seen: false, recovery_kit_saved: false } };
    case 'first-run-no-keyring':
      return { ...full, status: { phase: 'first_run', keyring: false }, rooms: [], connection: alone, me: { ...jonas, recovery_kit_seen: false, recovery_kit_saved: false } };
    case 'creating':
      return { ...full, status: { phase: 'creating', step: 'cross_signing' } };
    case 'recovery-kit':
      return { ...full, ...ready({ recovery_kit_seen: false, recovery_kit_saved: false }), rooms: [] };
    case 'empty':
      return { ...full, ...ready({ recovery_kit_saved: false }), rooms: [], connection: alone };
    case 'invitations':
      return { ...full, rooms: [...invites(now), ...rooms(now)] };
    case 'offline':
      return { ...full, connection: offline };
    case 'incoming-call':
      return { ...full, calls: [call(full.rooms, { incoming: true, state: { state: 'ringing', video: false, silent: false } })] };
    case 'call':
      return { ...full, calls: [call(full.rooms, { state: { state: 'connected', elapsed: 252_000 }, quality: 'good', theirs: { muted: true, camera: false, screen: false, screen_stream: null } })] };
    case 'video-call':
      return { ...full, calls: [call(full.rooms, { state: { state: 'connected', elapsed: 252_000 }, quality: 'good', ours: { microphone: true, camera: true, screen: false, on_hold: false }, theirs: { muted: false, camera: true, screen: false, screen_stream: null } })] };
    case 'shared-screen':
      return { ...full, calls: [call(full.rooms, { state: { state: 'connected', elapsed: 252_000 }, quality: 'good', ours: { microphone: true, camera: true, screen: false, on_hold: false }, theirs: { muted: false, camera: true, screen: true, screen_stream: 'their-screen' } })] };
    case 'no-camera':
      return { ...full, calls: [call(full.rooms, { state: { state: 'connected', elapsed: 12_000 }, quality: 'good', no_picture: { device: 'camera', why: 'busy' } })] };
    case 'without-camera':
      return { ...full, cameras: [] };
    case 'scan':
      return { ...full, scan: { state: 'looking', picture: SCANNED, no_invite: false } };
    case 'scan-no-invite':
      return { ...full, scan: { state: 'looking', picture: SCANNED, no_invite: true } };
    case 'scan-busy':
      return { ...full, scan: { state: 'failed', why: 'busy' } };
    case 'scan-vanished':
      return { ...full, scan: { state: 'failed', why: 'vanished' } };
    case 'scan-not-allowed':
      return { ...full, scan: { state: 'failed', why: 'not_allowed' } };
    case 'scan-no-camera':
      return { ...full, scan: { state: 'failed', why: 'not_there' } };
    case 'incoming-video-call':
      return { ...full, calls: [call(full.rooms, { incoming: true, state: { state: 'ringing', video: true, silent: false } })] };
    case 'calling':
      return { ...full, calls: [call(full.rooms, { state: { state: 'calling' } })] };
    case 'call-ended':
      return { ...full, calls: [call(full.rooms, { state: { state: 'ended', cause: 'no_path' } })] };
    case 'arriving':
      return { ...full, rooms: [arriving(now), ...full.rooms] };
    case 'stalled':
      return { ...full, stalled: true };
    case 'failing':
      return { ...full, failing: true };
    case 'long-names':
      return { ...full, ...ready({ name: 'Wilhelmina Friederike von Hohenlohe-Langenburg-Schillingsfürst' }), rooms: longNames(now, jonas) };
    case 'long':
      return { ...full, rooms: [history(now), ...full.rooms] };
    case 'many':
      return { ...full, rooms: [...full.rooms, ...Array.from({ length: 200 }, (_, at) => crowd(at, now))] };
    case 'keyring-locked':
      return { ...full, status: { phase: 'keyring_locked', sentence: 'Unlock it in your system, then press “Try again”.' } };
    case 'keyring-waiting':
      return { ...full, status: { phase: 'waiting_for_keyring' } };
    case 'passphrase':
      return { ...full, status: { phase: 'passphrase_needed', wrong: false } };
    case 'in-use':
      return { ...full, status: failed('data_folder_in_use', 'The data folder is in use.', '/home/jonas/.local/share/hearth') };
    case 'disk-full':
      return { ...full, status: failed('disk_full', 'There is no room left to write your messages. Free some space, then try again.', 'database or disk is full (code 13)') };
    case 'opening':
      return { ...full, status: { phase: 'opening' } };
    default:
      return full;
  }
}

/** A conversation of ten pages of two hundred messages, and a hundred more once one scrolls up. */
function history(now: number): Room {
  const leo = person('Leo');
  const own = { user_id: jonas.user_id, name: jonas.name, avatar: null, hue: jonas.hue };
  const words = ['Yes.', 'I will look at it this evening, when the others have gone home and there is some quiet.', 'Good\n\nAnd the second thing?', 'Tuesday, then.'];
  const page = (from: number, count: number): TimelineRow[] =>
    Array.from({ length: count }, (_, at) => {
      const number = from + at;
      const mine = number % 5 === 0;
      return message(mine ? own : leo, now - (3000 - number) * 4 * 60_000, `${number}: ${words[number % words.length]}`, { is_own: mine, can_edit: mine });
    });
  const row = roomRow('!long:x', leo.name, { direct_user_id: leo.user_id, last_activity: now });
  const older = Array.from({ length: 10 }, (_, at) => page(at * 200, 200));
  return { row, view: roomView(row, { direct_user: leo }), rows: page(2000, 100), typing: [], people: [leo], older };
}

function crowd(at: number, now: number): Room {
  const other = person(`Person ${String.fromCharCode(65 + (at % 26))}${String.fromCharCode(97 + ((at * 7) % 26))}`);
  const row = roomRow(`!crowd${at}:x`, `${other.name} ${at}`, { direct_user_id: other.user_id, last_activity: now - (12 + at) * DAY });
  return { row, view: roomView(row, { direct_user: other }), rows: [], typing: [], people: [other], older: [] };
}
