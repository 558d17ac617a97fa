/** Timeline rows with what their neighbours decide: who starts a group, what stands above a fold. */
import type { TimelineRow } from '~/backend/bindings/TimelineRow';

const SAME_GROUP = 20 * 60 * 1000;

export interface Item {
  id: string;
  row: TimelineRow;
  /** A message that shows its sender: another sender before it, another kind of row, or twenty minutes of silence. */
  first: boolean;
  /** A run of changes drawn as one line; `row` is its first. */
  folded: readonly StateRow[];
}

export type StateRow = Extract<TimelineRow, { row: 'state' }>;

/** So many changes in a row become one line. */
const FOLDS = 3;

/** Items whose row and place did not change keep their identity, so that only changed rows are drawn again. */
export function toItems(rows: readonly TimelineRow[], before: readonly Item[]): Item[] {
  const known = new Map(before.map((item) => [item.id, item]));
  const items: Item[] = [];
  for (let at = 0; at < rows.length; at += 1) {
    const row = rows[at];
    if (!row) break;
    const run = row.row === 'state' ? runOfChanges(rows, at) : [];
    const folded = run.length >= FOLDS ? run : [];
    const first = startsGroup(rows[at - 1], row);
    const old = known.get(row.id);
    items.push(old && old.row === row && old.first === first && sameRows(old.folded, folded) ? old : { id: row.id, row, first, folded });
    if (folded.length > 0) at += folded.length - 1;
  }
  return items;
}

function runOfChanges(rows: readonly TimelineRow[], from: number): StateRow[] {
  const run: StateRow[] = [];
  for (const row of rows.slice(from)) {
    if (row.row !== 'state') break;
    run.push(row);
  }
  return run;
}

function sameRows(one: readonly TimelineRow[], other: readonly TimelineRow[]): boolean {
  return one.length === other.length && one.every((row, at) => row === other[at]);
}

function startsGroup(above: TimelineRow | undefined, row: TimelineRow): boolean {
  if (row.row !== 'message') return false;
  if (above?.row !== 'message') return true;
  return (
    above.sender.user_id !== row.sender.user_id ||
    row.timestamp - above.timestamp > SAME_GROUP ||
    row.reply_to !== null ||
    row.body.type === 'emote' ||
    above.body.type === 'emote'
  );
}

/** Whether `after` has `before` with rows added above: then the list keeps its place from the end. */
export function grewAbove(before: readonly Item[], after: readonly Item[]): boolean {
  const last = before.at(-1);
  return last !== undefined && after.length !== before.length && after.at(-1)?.id === last.id;
}

/** Messages of others below the row `id`. */
export function newSince(items: readonly Item[], id: string | undefined): number {
  if (id === undefined) return 0;
  let count = 0;
  for (let at = items.length - 1; at >= 0; at -= 1) {
    const item = items[at];
    if (!item || item.id === id) return count;
    if (item.row.row === 'message' && !item.row.is_own) count += 1;
  }
  return 0;
}

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
const LONGEST_EMOJI = 64;

/** One to three emoji and nothing else: drawn large. */
export function onlyEmoji(text: string): boolean {
  if (text === '' || text.length > LONGEST_EMOJI) return false;
  const signs = [...graphemes.segment(text)].map(({ segment }) => segment).filter((sign) => sign.trim() !== '');
  return signs.length > 0 && signs.length <= 3 && signs.every((sign) => /\p{Extended_Pictographic}|\p{Regional_Indicator}/u.test(sign));
}
