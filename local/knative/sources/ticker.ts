/** Waits for the ticks of a schedule on the wall clock. */
import type { Schedule } from './cron.ts';

// Check at least this often, because the clock may be set and the machine may sleep.
const longestWaitMs = 60_000;

/** Calls `tick` at each time of the schedule strictly after now, until the returned function is called. */
export function onTicks(schedule: Schedule, tick: () => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  let due = schedule.next(Date.now());
  arm();
  return () => clearTimeout(timer);

  function arm(): void {
    // An impossible date never fires, silently.
    if (due === undefined) return;
    timer = setTimeout(check, Math.min(Math.max(due - Date.now(), 0), longestWaitMs));
  }

  function check(): void {
    const now = Date.now();
    if (due !== undefined && now >= due) {
      tick();
      due = schedule.next(now);
    }
    arm();
  }
}
