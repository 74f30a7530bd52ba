/**
 * Time in the domain is Unix seconds (UTC); text is RFC 3339 in UTC with whole seconds. No function here reads a clock.
 */
import { DateTime, Settings } from 'luxon';

// Without these two, luxon's first use asks Intl for the machine's locale and zone: 12 ms of every cold start.
Settings.defaultLocale = 'en-US';
Settings.defaultZone = 'utc';

/** Seconds since 1970-01-01T00:00:00Z. */
export type UnixSeconds = number;

/** `2022-01-02T06:00:00Z`. */
export function rfc3339(time: UnixSeconds): string {
  return DateTime.fromSeconds(Math.floor(time)).toUTC().toISO({ suppressMilliseconds: true }) ?? '';
}

/** Unix seconds of an RFC 3339 text, rounded down; undefined when it is not one. */
export function parseTime(text: string | undefined): UnixSeconds | undefined {
  const time = parsePreciseTime(text);
  return time === undefined ? undefined : Math.floor(time);
}

/** The same to the millisecond, to compare two moments of one clock. */
export function parsePreciseTime(text: string | undefined): UnixSeconds | undefined {
  if (text === undefined) return undefined;
  const time = DateTime.fromISO(text, { zone: 'utc' });
  return time.isValid ? time.toSeconds() : undefined;
}

/** `06:10:02Z`: a moment of today for a message. */
export function clockTime(time: UnixSeconds): string {
  return `${rfc3339(time).slice(11, 19)}Z`;
}

/** `9s`, `6m02s`, `12h`, `12h05m`: a span as a column shows it. Never negative. */
export function span(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (value: number): string => String(value).padStart(2, '0');
  if (hours > 0) return minutes === 0 ? `${hours}h` : `${hours}h${two(minutes)}m`;
  if (minutes > 0) return `${minutes}m${two(rest)}s`;
  return `${rest}s`;
}
