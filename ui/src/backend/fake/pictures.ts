/** Pictures of the fake core, drawn on the spot. */
const lake = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 392"><defs><linearGradient id="s" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="#7fa7d9"/><stop offset="1" stop-color="#dfe9f3"/></linearGradient></defs><rect width="640" height="200" fill="url(#s)"/><circle cx="486" cy="66" r="34" fill="#ffe3ad"/><path d="M0 190 90 120l70 50 110-90 120 100 90-60 160 80v20H0z" fill="#6f8f9f"/><rect y="196" width="640" height="110" fill="#8fb4cf"/><path d="M0 250c120-20 220 20 340 0s200-10 300 6v50H0z" fill="#6f9abb"/><path d="M0 300c90-24 210 10 330-6s220-16 310 4v94H0z" fill="#4e6f52"/><path d="M0 344c140-24 260 20 400-2s160 0 240 6v44H0z" fill="#3b5641"/></svg>`;
const face = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64"><rect width="64" height="64" fill="#d9c7b8"/><circle cx="32" cy="26" r="12" fill="#7a5a48"/><path d="M8 64c2-18 12-24 24-24s22 6 24 24z" fill="#4d6a7d"/></svg>`;

const drawings: Record<string, string> = { lake, face };

export function drawing(media: string): string {
  const svg = drawings[media];
  return svg ? `data:image/svg+xml,${encodeURIComponent(svg)}` : `/missing/${encodeURIComponent(media)}`;
}
