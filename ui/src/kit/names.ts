/** Names: initials for avatars, joined lists. */
const letters = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
const list = new Intl.ListFormat('en-GB', { style: 'long', type: 'conjunction' });

/** The first letter, or the first whole emoji, of a name; marks such as "#" and "@" are skipped. */
export function initial(name: string): string {
  for (const { segment } of letters.segment(name.trim())) if (/[\p{L}\p{N}\p{Emoji_Presentation}]/u.test(segment)) return segment.toLocaleUpperCase();
  return '?';
}

export function joinNames(names: readonly string[]): string {
  return list.format(names);
}
