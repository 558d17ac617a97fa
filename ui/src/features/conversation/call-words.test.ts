/** The line that each call becomes. */
import { describe, expect, it } from 'vitest';
import type { CallOutcome } from '~/backend/bindings/CallOutcome';
import { callLine, type CallRow } from './call-words';

const row = (outcome: CallOutcome, incoming: boolean): CallRow => ({
  id: '1',
  row: 'call',
  person: { user_id: '@mira:x', name: 'Mira', avatar: null, hue: 1 },
  timestamp: 0,
  incoming,
  video: false,
  outcome,
});

describe('a call in the timeline', () => {
  it('rings until its time is up, and was missed then', () => {
    const ringing = row({ outcome: 'ringing', until: 1000 }, true);
    expect(callLine(ringing, 999)).toEqual({ words: 'Mira is calling', missed: false, rings: true });
    expect(callLine(ringing, 1000)).toEqual({ words: 'You missed a call from Mira', missed: true, rings: false });
    expect(callLine(row({ outcome: 'ringing', until: 1000 }, false), 1000)).toEqual({ words: 'Nobody answered your call', missed: false, rings: false });
  });

  it('says how long one talked, and where', () => {
    expect(callLine(row({ outcome: 'talked', duration: 252_000, elsewhere: false }, true), 0).words).toBe('Mira called · 4:12');
    expect(callLine(row({ outcome: 'talked', duration: 3_675_000, elsewhere: true }, true), 0).words).toBe('Mira called · 1:01:15 on another device');
    expect(callLine(row({ outcome: 'talked', duration: 0, elsewhere: true }, false), 0).words).toBe('You called · 0:00');
  });

  it('has different words for each side', () => {
    for (const outcome of ['missed', 'declined', 'busy', 'failed'] as const) {
      expect(callLine(row({ outcome }, true), 0).words).not.toBe(callLine(row({ outcome }, false), 0).words);
    }
  });
});
