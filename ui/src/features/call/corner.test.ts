/** A floating call rests in a corner. */
import { describe, expect, it } from 'vitest';
import { afterDrag, afterKey } from './corner';

const window = { width: 1000, height: 800 };

describe('a floating call', () => {
  it('rests in the corner that it was carried to', () => {
    const carried = (clientX: number, clientY: number) => afterDrag('bottom-end', { x: 100, y: 100 }, { clientX, clientY }, window);
    expect([carried(10, 10), carried(990, 10), carried(10, 790), carried(990, 790)]).toEqual(['top-start', 'top-end', 'bottom-start', 'bottom-end']);
    expect(afterDrag('bottom-end', { x: 5, y: 5 }, { clientX: 10, clientY: 10 }, window)).toBe('bottom-end');
  });

  it('goes by arrow keys', () => {
    expect(afterKey('bottom-end', 'ArrowUp')).toBe('top-end');
    expect(afterKey('top-end', 'ArrowLeft')).toBe('top-start');
    expect(afterKey('top-start', 'ArrowDown')).toBe('bottom-start');
    expect(afterKey('bottom-start', 'ArrowRight')).toBe('bottom-end');
    expect(afterKey('bottom-start', 'a')).toBeUndefined();
  });
});
