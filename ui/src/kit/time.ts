/** Times in words: the hour today, "Yesterday", a weekday within the week, then the date. */
import { m } from '~/i18n/paraglide/messages.js';

const hour = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const weekday = new Intl.DateTimeFormat('en-GB', { weekday: 'short' });
const shortDate = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });
const yearDate = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });
const longDate = new Intl.DateTimeFormat('en-GB', { weekday: 'long', day: 'numeric', month: 'long' });
const longYearDate = new Intl.DateTimeFormat('en-GB', { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' });
const full = new Intl.DateTimeFormat('en-GB', { dateStyle: 'full', timeStyle: 'short' });

const DAY = 86_400_000;

function midnight(at: number): number {
  return new Date(at).setHours(0, 0, 0, 0);
}

/** Whole days between two moments, by the calendar. */
export function daysBetween(earlier: number, later: number): number {
  return Math.round((midnight(later) - midnight(earlier)) / DAY);
}

export function clock(at: number): string {
  return hour.format(at);
}

export function fullTime(at: number): string {
  return full.format(at);
}

/** For a row of the sidebar. */
export function shortTime(at: number, now: number): string {
  const days = daysBetween(at, now);
  if (days <= 0) return hour.format(at);
  if (days === 1) return m.side_yesterday();
  if (days < 7) return weekday.format(at);
  return sameYear(at, now) ? shortDate.format(at) : yearDate.format(at);
}

/** For the line between two days. */
export function dayName(at: number, now: number): string {
  const days = daysBetween(at, now);
  if (days === 0) return m.conv_today();
  if (days === 1) return m.conv_yesterday();
  return sameYear(at, now) ? longDate.format(at) : longYearDate.format(at);
}

export function duration(milliseconds: number): string {
  const all = Math.round(milliseconds / 1000);
  const two = (part: number) => String(part).padStart(2, '0');
  const [hours, minutes, seconds] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds)}` : `${minutes}:${two(seconds)}`;
}

function sameYear(a: number, b: number): boolean {
  return new Date(a).getFullYear() === new Date(b).getFullYear();
}
