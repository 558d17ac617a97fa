/** What is said of a room whose people are on their way. */
import { m } from '~/i18n/paraglide/messages.js';

export function arrivingWords({ arrived, all }: { arrived: number; all: number | null }): string {
  const words = new Intl.NumberFormat();
  return all === null ? m.conv_people_arriving() : m.conv_people_arriving_of({ arrived: words.format(arrived), all: words.format(all) });
}
