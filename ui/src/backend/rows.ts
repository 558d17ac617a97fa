/** Questions that many screens ask of a timeline row. */
import type { MessageRow } from './bindings/MessageRow';
import type { TimelineRow } from './bindings/TimelineRow';

export type MessageItemRow = { id: string; row: 'message' } & MessageRow;

export function isMessage(row: TimelineRow): row is MessageItemRow {
  return row.row === 'message';
}

/** The text that copying and quoting use. */
export function plainText(message: MessageRow): string {
  const body = message.body;
  switch (body.type) {
    case 'text':
    case 'emote':
    case 'notice':
      return body.plain;
    case 'picture':
    case 'video':
    case 'audio':
    case 'file':
    case 'sticker':
      return body.caption ?? body.name;
    case 'voice':
      return body.name;
    case 'location':
      return body.body;
    case 'undecryptable':
      return body.sentence;
    case 'unknown':
      return body.body ?? '';
    case 'redacted':
      return '';
  }
}
