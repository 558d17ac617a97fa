/** The hue of a name, by FNV-1a of the address: the same for everyone and the same as the core computes it. */
const HUES = 8;

export function hueOf(address: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(address)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash % HUES;
}

export function hueColour(hue: number): string {
  return `var(--hue-${Math.abs(Math.trunc(hue)) % HUES})`;
}
