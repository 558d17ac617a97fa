/** Where in the app the person is; kept in the address, so that links, reload and "back" work. */
import { isPage, type PageName } from '~/features/settings/pages';

export type Place = { at: 'home' } | { at: 'room'; roomId: string } | { at: 'settings'; page: PageName };

const LAST = 'hearth.last-place';

export function parse(hash: string): Place {
  const [, what, rest] = /^#\/(room|settings)(?:\/(.+))?$/.exec(hash) ?? [];
  if (what === 'room' && rest) {
    try {
      return { at: 'room', roomId: decodeURIComponent(rest) };
    } catch {
      return { at: 'home' };
    }
  }
  if (what === 'settings') return { at: 'settings', page: rest && isPage(rest) ? rest : 'profile' };
  return { at: 'home' };
}

export function format(place: Place): string {
  if (place.at === 'room') return `#/room/${encodeURIComponent(place.roomId)}`;
  if (place.at === 'settings') return `#/settings/${place.page}`;
  return '#/';
}

export class Navigation {
  place = $state.raw<Place>({ at: 'home' });
  /** The room to return to from the settings. */
  room = $state<string | null>(null);

  constructor() {
    this.#read(location.hash || (localStorage.getItem(LAST) ?? ''));
  }

  /** Follows the address; answers a function that stops it. */
  listen(): () => void {
    const changed = () => this.#read(location.hash);
    window.addEventListener('hashchange', changed);
    return () => window.removeEventListener('hashchange', changed);
  }

  go(place: Place): void {
    location.hash = format(place);
    this.#read(location.hash);
  }

  closeSettings(): void {
    this.go(this.room === null ? { at: 'home' } : { at: 'room', roomId: this.room });
  }

  #read(hash: string): void {
    this.place = parse(hash);
    if (this.place.at === 'room') this.room = this.place.roomId;
    if (this.place.at === 'home') this.room = null;
    if (this.place.at !== 'settings') localStorage.setItem(LAST, format(this.place));
  }
}
