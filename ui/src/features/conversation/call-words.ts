/** What became of a call, in one line of words. */
import type { TimelineRow } from '~/backend/bindings/TimelineRow';
import { m } from '~/i18n/paraglide/messages.js';
import { duration } from '~/kit/time';

export type CallRow = Extract<TimelineRow, { row: 'call' }>;

export interface CallLine {
  words: string;
  /** Somebody called and nobody answered. */
  missed: boolean;
  rings: boolean;
}

export function callLine(row: CallRow, now: number): CallLine {
  const rings = row.outcome.outcome === 'ringing' && now < row.outcome.until;
  const unanswered = !rings && (row.outcome.outcome === 'missed' || row.outcome.outcome === 'ringing');
  return { words: words(row, rings), missed: row.incoming && unanswered, rings };
}

function words({ incoming, outcome, person: { name } }: CallRow, rings: boolean): string {
  switch (outcome.outcome) {
    case 'ringing':
      if (rings) return incoming ? m.call_line_rings({ name }) : m.call_line_we_ring();
      return incoming ? m.call_line_missed({ name }) : m.call_line_unanswered();
    case 'missed':
      return incoming ? m.call_line_missed({ name }) : m.call_line_unanswered();
    case 'declined':
      return incoming ? m.call_line_we_declined({ name }) : m.call_line_declined();
    case 'busy':
      return incoming ? m.call_line_we_were_busy({ name }) : m.call_line_busy();
    case 'failed':
      return incoming ? m.call_line_failed({ name }) : m.call_line_ours_failed();
    case 'crossed':
      return m.call_line_crossed();
    case 'answered':
      if (!incoming) return m.call_line_ours();
      return outcome.elsewhere ? m.call_line_elsewhere({ name }) : m.call_line_theirs({ name });
    case 'talked': {
      const time = duration(outcome.duration);
      if (!incoming) return m.call_line_our_talk({ time });
      return outcome.elsewhere ? m.call_line_talk_elsewhere({ name, time }) : m.call_line_talk({ name, time });
    }
  }
}
