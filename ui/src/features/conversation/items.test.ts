/** Grouping, folding and counting of timeline rows. */
import { describe, expect, it } from 'vitest';
import type { TimelineRow } from '~/backend/bindings/TimelineRow';
import { day, message, person } from '~/backend/fake/make';
import { grewAbove, newSince, onlyEmoji, toItems } from './items';

const mira = person('Mira');
const leo = person('Leo');
const at = (minutes: number) => Date.UTC(2026, 10, 22, 9, 0) + minutes * 60_000;
const firsts = (rows: TimelineRow[]) => toItems(rows, []).map((item) => item.first);
const change = (id: string): TimelineRow => ({ id, row: 'state', person: mira, timestamp: at(0), change: { change: 'joined' } });

describe('groups', () => {
  it('start with another sender, after another kind of row, and after twenty minutes', () => {
    expect(
      firsts([message(mira, at(0), 'a'), message(mira, at(20), 'b'), message(mira, at(41), 'c'), message(leo, at(42), 'd'), day(at(43)), message(leo, at(44), 'e')]),
    ).toEqual([true, false, true, true, false, true]);
  });

  it('start with an answer, so that its quote has a name above it', () => {
    expect(firsts([message(mira, at(0), 'a'), message(mira, at(1), 'b', { reply_to: { event_id: '$x', sender: leo, text: 'x' } })])).toEqual([true, true]);
  });
});

describe('items', () => {
  it('keep their identity while nothing about them changes', () => {
    const rows = [message(mira, at(0), 'a'), message(mira, at(1), 'b')];
    const before = toItems(rows, []);
    const after = toItems([...rows, message(leo, at(2), 'c')], before);
    expect(after[0]).toBe(before[0]);
    expect(after[1]).toBe(before[1]);
    const changed = toItems([{ ...rows[0]!, edited: true }, rows[1]!], before);
    expect(changed[0]).not.toBe(before[0]);
    expect(changed[1]).toBe(before[1]);
  });

  it('fold three changes in a row, but not two', () => {
    expect(toItems([change('1'), change('2'), message(mira, at(0), 'a')], [])).toHaveLength(3);
    const folded = toItems([change('1'), change('2'), change('3'), message(mira, at(0), 'a')], []);
    expect(folded).toHaveLength(2);
    expect(folded[0]?.folded).toHaveLength(3);
    expect(folded[1]?.first).toBe(true);
  });

  it('know when older rows came in above', () => {
    const rows = [message(mira, at(0), 'a'), message(mira, at(1), 'b')];
    const before = toItems(rows, []);
    expect(grewAbove(before, toItems([message(leo, at(-5), 'older'), ...rows], before))).toBe(true);
    expect(grewAbove(before, toItems([...rows, message(leo, at(5), 'newer')], before))).toBe(false);
    expect(grewAbove([], before)).toBe(false);
  });

  it('count only the messages of others below the last one seen', () => {
    const items = toItems([message(mira, at(0), 'a'), message(leo, at(1), 'b', { is_own: true }), message(mira, at(2), 'c'), change('1')], []);
    expect(newSince(items, items[0]?.id)).toBe(1);
    expect(newSince(items, items[3]?.id)).toBe(0);
    expect(newSince(items, 'gone')).toBe(0);
  });
});

describe('large emoji', () => {
  it.each([['☕️', true], ['👩‍🚀', true], ['👍 👍🏽', true], ['👍👍👍👍', false], ['ok 👍', false], ['3', false], ['', false]])('%s: %s', (text, large) => {
    expect(onlyEmoji(text)).toBe(large);
  });
});
