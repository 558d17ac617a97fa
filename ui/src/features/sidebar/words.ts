/** What a row of the sidebar says below and behind its name. */
import type { RoomRow } from '~/backend/bindings/RoomRow';
import { m } from '~/i18n/paraglide/messages.js';

/** The second line. */
export function secondLine(room: RoomRow, selected: boolean): { draft: boolean; text: string } {
  if (room.kind === 'invite') return { draft: false, text: room.direct_user_id ? m.side_invited() : m.side_invited_room() };
  const [first] = room.typing;
  if (first !== undefined) return { draft: false, text: typingWords(room) };
  if (room.draft && !selected) return { draft: true, text: room.draft };
  const preview = room.preview;
  if (!preview) return { draft: false, text: m.side_no_messages() };
  if (preview.sender_is_me) return { draft: false, text: m.side_preview_mine({ text: preview.text }) };
  return { draft: false, text: room.kind === 'direct' ? preview.text : m.side_preview_other({ sender: preview.sender, text: preview.text }) };
}

function typingWords(room: RoomRow): string {
  if (room.typing.length > 1) return m.side_typing_several();
  return room.kind === 'direct' ? m.side_typing_one() : m.side_typing_named({ name: room.typing[0] ?? '' });
}

/** What is unread, for screen readers. */
export function unreadWords(room: RoomRow): string {
  const words: string[] = [];
  if (room.unread === 1) words.push(m.side_unread_one());
  else if (room.unread > 1) words.push(m.side_unread_many({ count: room.unread }));
  else if (room.marked_unread) words.push(m.side_marked_unread());
  if (room.mentions === 1) words.push(m.side_mention_one());
  else if (room.mentions > 1) words.push(m.side_mention_many({ count: room.mentions }));
  return words.join(', ');
}

export type Mark = { kind: 'count'; count: number; loud: boolean } | { kind: 'dot' } | { kind: 'sending' } | { kind: 'failed' } | { kind: 'muted' } | null;

/** The mark at the row's end: a filled badge for what notifies, a dot for what is merely unread. */
export function markOf(room: RoomRow): Mark {
  if (room.preview?.failed) return { kind: 'failed' };
  if (room.mentions > 0) return { kind: 'count', count: room.mentions, loud: true };
  if (room.notifications > 0 && !room.muted) return { kind: 'count', count: room.notifications, loud: true };
  if (room.kind === 'invite') return { kind: 'dot' };
  if (isUnread(room)) return room.muted ? { kind: 'muted' } : { kind: 'dot' };
  if (room.preview?.sending) return { kind: 'sending' };
  return room.muted ? { kind: 'muted' } : null;
}

export function isUnread(room: RoomRow): boolean {
  return room.unread > 0 || room.marked_unread || room.mentions > 0;
}

export function sectionTitle(name: 'invites' | 'favourites' | 'people' | 'rooms' | 'low'): string {
  switch (name) {
    case 'invites':
      return m.side_invites();
    case 'favourites':
      return m.side_favourites();
    case 'people':
      return m.side_people();
    case 'rooms':
      return m.side_rooms();
    case 'low':
      return m.side_low();
  }
}
