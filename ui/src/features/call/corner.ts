/** The corner of the window in which a call floats. */

export type Corner = 'top-start' | 'top-end' | 'bottom-start' | 'bottom-end';

const corner = (top: boolean, start: boolean): Corner => `${top ? 'top' : 'bottom'}-${start ? 'start' : 'end'}`;

/** Further than a trembling hand. */
const MOVED = 24;

/** Where it rests when it is let go at `end`. */
export function afterDrag(now: Corner, moved: { x: number; y: number }, end: { clientX: number; clientY: number }, window: { width: number; height: number }): Corner {
  if (Math.hypot(moved.x, moved.y) < MOVED) return now;
  return corner(end.clientY < window.height / 2, end.clientX < window.width / 2);
}

/** Where an arrow key sends it; `undefined` for other keys. */
export function afterKey(now: Corner, key: string): Corner | undefined {
  const [top, start] = [now.startsWith('top'), now.endsWith('start')];
  switch (key) {
    case 'ArrowUp':
      return corner(true, start);
    case 'ArrowDown':
      return corner(false, start);
    case 'ArrowLeft':
      return corner(top, true);
    case 'ArrowRight':
      return corner(top, false);
    default:
      return undefined;
  }
}
