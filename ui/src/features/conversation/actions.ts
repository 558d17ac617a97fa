/** What can be done with a message; handed down to every row. */
import { createContext } from 'svelte';
import type { PictureInfo } from '~/backend/bindings/PictureInfo';
import type { MessageItemRow } from '~/backend/rows';

export interface MessageActions {
  reply(row: MessageItemRow): void;
  edit(row: MessageItemRow): void;
  react(row: MessageItemRow, key: string): void;
  remove(row: MessageItemRow): void;
  retry(row: MessageItemRow): void;
  discard(row: MessageItemRow): void;
  show(picture: PictureInfo): void;
  save(media: string, name: string): void;
  goTo(eventId: string): void;
  openLink(href: string): void;
}

export const [getActions, setActions] = createContext<MessageActions>();
