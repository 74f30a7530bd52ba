/** Waits for the ticks of a schedule on the wall clock. */
import type { Schedule } from './cron.ts';

// The clock may be set or the machine may sleep: look again at least this often.
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
    timer = setTimeout(look, Math.min(Math.max(due - Date.now(), 0), longestWaitMs));
  }

  function look(): void {
    const now = Date.now();
    if (due !== undefined && now >= due) {
      tick();
      due = schedule.next(now);
    }
    arm();
  }
}
