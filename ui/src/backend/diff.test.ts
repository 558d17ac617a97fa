/** The diffs of a list. */
import { describe, expect, it } from 'vitest';
import { applyDiffs, DiffMismatch } from './diff';

describe('applying diffs', () => {
  it('does in order what each one says', () => {
    expect(
      applyDiffs(['a', 'b'], [
        { op: 'push_back', value: 'c' },
        { op: 'push_front', value: 'z' },
        { op: 'insert', index: 1, value: 'y' },
        { op: 'set', index: 2, value: 'A' },
        { op: 'remove', index: 3 },
        { op: 'append', values: ['d', 'e'] },
        { op: 'pop_front' },
        { op: 'pop_back' },
        { op: 'truncate', length: 3 },
      ]),
    ).toEqual(['y', 'A', 'c']);
  });

  it('starts again with a reset, and empties with a clear', () => {
    expect(applyDiffs(['a'], [{ op: 'reset', values: ['x', 'y'] }])).toEqual(['x', 'y']);
    expect(applyDiffs(['a'], [{ op: 'clear' }])).toEqual([]);
  });

  it('leaves the old list as it was and keeps the identity of what did not change', () => {
    const row = { id: 1 };
    const before = [row];
    const after = applyDiffs(before, [{ op: 'push_back', value: { id: 2 } }]);
    expect(before).toHaveLength(1);
    expect(after[0]).toBe(row);
  });

  it.each([
    [{ op: 'set', index: 1, value: 'x' } as const],
    [{ op: 'remove', index: 1 } as const],
    [{ op: 'insert', index: 2, value: 'x' } as const],
    [{ op: 'truncate', length: 2 } as const],
  ])('refuses %j on a list of one', (diff) => {
    expect(() => applyDiffs(['a'], [diff])).toThrow(DiffMismatch);
  });

  it('refuses to take from an empty list', () => {
    expect(() => applyDiffs<string>([], [{ op: 'pop_back' }])).toThrow(DiffMismatch);
    expect(() => applyDiffs<string>([], [{ op: 'pop_front' }])).toThrow(DiffMismatch);
  });
});
