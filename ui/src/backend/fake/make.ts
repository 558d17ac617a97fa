/** Makes rows for the fake core. */
import type { MessageBody } from '../bindings/MessageBody';
import type { MessageRow } from '../bindings/MessageRow';
import type { Person } from '../bindings/Person';
import type { RoomRow } from '../bindings/RoomRow';
import type { RoomView } from '../bindings/RoomView';
import type { TextBlock } from '../bindings/TextBlock';
import type { TimelineRow } from '../bindings/TimelineRow';
import { hueOf } from '~/kit/hue';

export function person(name: string, avatar: string | null = null): Person {
  const latin = name.toLowerCase().replace(/[^a-z]+/g, '');
  const user_id = `@${latin || `user${name.codePointAt(0)}`}:5kxq.key.example`;
  return { user_id, name, avatar, hue: hueOf(user_id) };
}

export function roomRow(room_id: string, name: string, part: Partial<RoomRow> = {}): RoomRow {
  return {
    room_id,
    name,
    avatar: null,
    kind: 'direct',
    favourite: false,
    low_priority: false,
    muted: false,
    last_activity: null,
    preview: null,
    unread: 0,
    notifications: 0,
    mentions: 0,
    marked_unread: false,
    typing: [],
    direct_user_id: null,
    draft: null,
    ...part,
  };
}

export function roomView(row: RoomRow, part: Partial<RoomView> = {}): RoomView {
  return {
    room_id: row.room_id,
    name: row.name,
    topic: null,
    avatar: row.avatar,
    kind: row.kind,
    encrypted: true,
    joined_members: 2,
    invited_members: 0,
    direct_user: null,
    arriving: null,
    invite: null,
    can_send: true,
    can_invite: true,
    can_rename: row.kind === 'room',
    can_redact_others: false,
    favourite: row.favourite,
    muted: row.muted,
    successor: null,
    waiting_for: null,
    ...part,
  };
}

let last = 0;

export function message(sender: Person, timestamp: number, body: MessageBody | string, part: Partial<MessageRow> = {}): TimelineRow & { row: 'message' } {
  const id = `row-${++last}`;
  return {
    id,
    row: 'message',
    event_id: `$${id}`,
    sender,
    is_own: false,
    timestamp,
    body: typeof body === 'string' ? textBody(body) : body,
    edited: false,
    can_edit: false,
    can_redact: false,
    reply_to: null,
    reactions: [],
    read_by: [],
    send_state: { state: 'received' },
    encryption: { shield: 'fine' },
    mentions_me: false,
    ...part,
  };
}

export function textBody(plain: string): MessageBody {
  return { type: 'text', plain, blocks: paragraphs(plain) };
}

export function paragraphs(plain: string): TextBlock[] {
  return plain.split('\n\n').map((part) => ({ block: 'paragraph', children: [{ inline: 'text', text: part }] }));
}

export function day(timestamp: number): TimelineRow {
  return { id: `day-${++last}`, row: 'day_divider', timestamp };
}
