/** The box of a picture before it is loaded, so that nothing moves when it is. */
const WIDEST = 320;
const HIGHEST = 320;
const LEAST = 48;

export function boxOf(width: number | null, height: number | null): { width: number; height: number } {
  if (!width || !height) return { width: 320, height: 200 };
  const scale = Math.min(1, WIDEST / width, HIGHEST / height);
  return { width: Math.max(LEAST, Math.round(width * scale)), height: Math.max(LEAST, Math.round(height * scale)) };
}
