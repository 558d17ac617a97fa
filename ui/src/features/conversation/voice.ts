/** Voice messages: their picture, and that one plays at a time. */

let stop: (() => void) | undefined;

/** Another message that plays stops. */
export function startPlaying(pause: () => void): void {
  if (stop !== pause) stop?.();
  stop = pause;
}

export function stopPlaying(pause: () => void): void {
  if (stop === pause) stop = undefined;
}

/** So many bars in percent of the height; a message without a picture is a flat line. */
export function bars(waveform: readonly number[], count: number): number[] {
  return Array.from({ length: count }, (_, n) => {
    const from = Math.floor((n * waveform.length) / count);
    const to = Math.max(from + 1, Math.floor(((n + 1) * waveform.length) / count));
    return Math.max(8, ...waveform.slice(from, to));
  });
}
