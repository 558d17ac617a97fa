/** The logic of the text field: whom "@" may mean, and what is sent. */
import type { Member } from '~/backend/bindings/Member';

export interface Mentioned {
  userId: string;
  name: string;
}

/** The word after "@" that ends at the caret, or `null`. */
export function mentionAt(text: string, caret: number): { from: number; word: string } | null {
  const match = /(?:^|[\s(])@([^\s@]{0,40})$/u.exec(text.slice(0, caret));
  if (!match || match[1] === undefined) return null;
  return { from: caret - match[1].length - 1, word: match[1] };
}

export function matching(members: readonly Member[], word: string): Member[] {
  const wanted = word.toLocaleLowerCase();
  return members
    .filter((member) => !member.is_me && member.membership === 'joined')
    .filter((member) => member.person.name.toLocaleLowerCase().includes(wanted) || member.person.user_id.toLowerCase().startsWith(`@${wanted}`))
    .slice(0, 6);
}

/** Only those whose "@Name" still stands in the text. */
export function stillMentioned(text: string, mentioned: readonly Mentioned[]): string[] {
  return [...new Set(mentioned.filter((one) => text.includes(`@${one.name}`)).map((one) => one.userId))];
}
