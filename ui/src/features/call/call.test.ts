/** Which of several calls is on the screen. */
import { describe, expect, it } from 'vitest';
import type { CallState } from '~/backend/bindings/CallState';
import type { CallView } from '~/backend/bindings/CallView';
import { lookedAt } from './call';

const call = (call_id: string, state: CallState, on_hold = false): CallView => ({
  room_id: '!mira:x',
  call_id,
  person: null,
  incoming: true,
  state,
  ours: { microphone: true, camera: false, screen: false, on_hold },
  theirs: { muted: false, camera: false, screen: false, screen_stream: null },
  held_by_them: false,
  quality: 'unknown',
  lost: [],
  no_picture: null,
});

const missed = call('missed', { state: 'ended', cause: 'missed' });
const rings = call('rings', { state: 'ringing', video: false, silent: false });
const talks = call('talks', { state: 'connected', elapsed: 0 });
const waits = call('waits', { state: 'connected', elapsed: 0 }, true);

describe('the call to look at', () => {
  it('is one under way before one that is over, which came first', () => {
    expect(lookedAt([missed, talks])).toBe(talks);
    expect(lookedAt([missed, waits])).toBe(waits);
    expect(lookedAt([missed, rings])).toBe(missed);
  });

  it('is one that is not on hold before one that is', () => {
    expect(lookedAt([waits, talks])).toBe(talks);
  });

  it('is the last of those that are over, and never one that only rings', () => {
    expect(lookedAt([missed, call('later', { state: 'ended', cause: 'they_hung_up' })])?.call_id).toBe('later');
    expect(lookedAt([rings])).toBeUndefined();
  });
});
