/** The picture of a voice message, and who plays. */
import { describe, expect, it, vi } from 'vitest';
import { bars, startPlaying, stopPlaying } from './voice';

describe('the picture of a voice message', () => {
  it('has as many bars whatever the sender wrote', () => {
    expect(bars([], 4)).toEqual([8, 8, 8, 8]);
    expect(bars([50, 100], 4)).toEqual([50, 50, 100, 100]);
    expect(bars([1, 20, 3, 40, 5, 60, 7, 80], 4)).toEqual([20, 40, 60, 80]);
  });
});

describe('voice messages', () => {
  it('play one at a time', () => {
    const [first, second] = [vi.fn(), vi.fn()];
    startPlaying(first);
    startPlaying(second);
    expect(first).toHaveBeenCalledOnce();
    stopPlaying(second);
    startPlaying(first);
    expect(second).not.toHaveBeenCalled();
  });
});
