/** Applies the core's list diffs to an array. */
import type { VectorDiff } from './bindings/VectorDiff';

/** A diff that does not fit the list: the list has to be asked for anew. */
export class DiffMismatch extends Error {}

/** Answers a new array; rows that did not change keep their identity. */
export function applyDiffs<T>(rows: readonly T[], diffs: readonly VectorDiff<T>[]): T[] {
  const next = rows.slice();
  for (const diff of diffs) apply(next, diff);
  return next;
}

function apply<T>(rows: T[], diff: VectorDiff<T>): void {
  switch (diff.op) {
    case 'append':
      rows.push(...diff.values);
      return;
    case 'clear':
      rows.length = 0;
      return;
    case 'push_front':
      rows.unshift(diff.value);
      return;
    case 'push_back':
      rows.push(diff.value);
      return;
    case 'pop_front':
      need(rows.length > 0);
      rows.shift();
      return;
    case 'pop_back':
      need(rows.length > 0);
      rows.pop();
      return;
    case 'insert':
      need(diff.index <= rows.length);
      rows.splice(diff.index, 0, diff.value);
      return;
    case 'set':
      need(diff.index < rows.length);
      rows[diff.index] = diff.value;
      return;
    case 'remove':
      need(diff.index < rows.length);
      rows.splice(diff.index, 1);
      return;
    case 'truncate':
      need(diff.length <= rows.length);
      rows.length = diff.length;
      return;
    case 'reset':
      rows.splice(0, rows.length, ...diff.values);
      return;
  }
}

function need(fits: boolean): void {
  if (!fits) throw new DiffMismatch('a diff points outside its list');
}
