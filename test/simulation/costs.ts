/** The price of what an installation with one PgManager does, counted with the production handlers. */
import { keepLedger, steady, type Effect } from './ledger.ts';
import { day, runScript, slot } from './script.ts';

/** 2022-01-01T00:00:00Z, when scripts begin. */
const begin = 1_640_995_200;

/** Effects of one period, and how often a function was woken in it by neither sweep nor probe. */
export interface Priced {
  readonly effects: readonly Effect[];
  readonly wakeUps: number;
}

export interface Period {
  /** Seconds after the slot of the third day, on which the oldest of three backups is deleted. */
  readonly from: number;
  readonly to: number;
  /** How long wal-g takes, for a backup as for a deletion. */
  readonly seconds: number;
  readonly seed?: number;
}

/** Runs three days and answers what happened within the period. */
export async function priceOf({ from, to, seconds, seed = 1 }: Period): Promise<Priced> {
  const third = begin + 2 * day + slot;
  let effects: readonly Effect[] = [];
  let wakeUps = 0;
  const { violations, outcomes } = await runScript({
    days: 3,
    seed,
    prepare(world, eventing) {
      effects = keepLedger(world);
      Object.assign(world.walG, { random: steady(seconds), slow: seconds >= 600 ? 1 : 0 });
      const watch = (): void => void (eventing.quiet.watchful = true);
      world.scheduler.at((third + from) * 1000, watch);
      const count = (sign: 1 | -1): void => void (wakeUps += sign * eventing.quiet.wakeUps());
      world.scheduler.at((third + from) * 1000, () => count(-1));
      world.scheduler.at((third + to) * 1000, () => count(1));
    },
  });
  if (violations.length > 0) throw new Error(violations.map(({ text }) => text).join('\n'));
  if (outcomes.some((outcome) => outcome !== 'success')) throw new Error(`outcomes: ${outcomes.join()}`);
  return { effects: effects.filter(({ at }) => at >= third + from && at < third + to), wakeUps };
}
