/** Sorts the rooms into the sidebar's sections. */
import type { RoomRow } from '~/backend/bindings/RoomRow';

export type SectionName = 'invites' | 'favourites' | 'people' | 'rooms' | 'low';

export interface Section {
  name: SectionName;
  rooms: RoomRow[];
}

const ORDER: SectionName[] = ['invites', 'favourites', 'people', 'rooms', 'low'];

/** The core's order (newest first) is kept inside each section; empty sections are left out. */
export function sections(rooms: readonly RoomRow[], search: string): Section[] {
  const wanted = fold(search);
  const found = wanted === '' ? rooms : rooms.filter((room) => fold(room.name).includes(wanted));
  return ORDER.map((name) => ({ name, rooms: found.filter((room) => sectionOf(room) === name) })).filter((section) => section.rooms.length > 0);
}

function sectionOf(room: RoomRow): SectionName {
  if (room.kind === 'invite') return 'invites';
  if (room.favourite) return 'favourites';
  if (room.low_priority) return 'low';
  return room.kind === 'direct' ? 'people' : 'rooms';
}

/** Without case and marks, so that "tomas" finds "Tomás". */
export function fold(text: string): string {
  return text.trim().normalize('NFD').replace(/\p{M}/gu, '').toLocaleLowerCase();
}

/** What a typed text could start a chat with. */
export function addressIn(text: string): { link: string } | { user: string } | null {
  const trimmed = text.trim();
  if (/^(hearth|matrix):\S+$/i.test(trimmed)) return { link: trimmed };
  if (/^@[^\s:]+:\S+$/.test(trimmed)) return { user: trimmed };
  return null;
}
