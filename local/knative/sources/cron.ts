/** When a PingSource fires: robfig/cron v3 as Knative configures it, on top of `croner`. */
import { Cron } from 'croner';

const item = String.raw`(?:\*|\?|(?:\d+|[A-Za-z]{3})(?:-(?:\d+|[A-Za-z]{3}))?)(?:/\d+)?`;
const fields = new RegExp(String.raw`^${item}(?:,${item})*(?:\s+${item}(?:,${item})*){4,5}$`);
const descriptors = /^@(?:yearly|annually|monthly|weekly|daily|midnight|hourly)$/;

/** A schedule that was understood. */
export interface Schedule {
  /** The first tick strictly after `after`, Unix milliseconds; undefined when there is none (30 February). */
  next(after: number): number | undefined;
}

/**
 * Reads a PingSource schedule: 5 fields, or 6 with seconds first, or a descriptor. `@every` is refused, as Knative's
 * webhook does; `?` is `*`; days of month and of week are OR-ed when both are restricted. Throws with the reason.
 * Unlike robfig/cron, a local time that a daylight saving jump skips fires after the jump: use UTC.
 */
export function parseSchedule(schedule: string, timezone = 'UTC'): Schedule {
  const text = schedule.trim();
  if (text.includes('@every')) throw new Error('unsupported descriptor @every');
  // croner takes more than robfig/cron does (ISO dates, L, W, #, years): only what both know may pass.
  if (!descriptors.test(text) && !fields.test(text)) throw new Error(`"${schedule}" has not 5 or 6 cron fields`);
  const cron = new Cron(text.replaceAll('?', '*'), { timezone, paused: true, mode: '5-or-6-parts' });
  return { next: (after) => cron.nextRun(new Date(after))?.getTime() };
}
