/** Waiting for a state in tests: generous, and with a word about what was waited for. */
import { setTimeout as sleep } from 'node:timers/promises';

/** Polls until the probe gives something; fails after a minute. */
export async function until<T>(
  what: string,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> {
  for (let waited = 0; waited < 60_000; waited += 20) {
    const found = await probe();
    if (found !== undefined && found !== false) return found;
    await sleep(20);
  }
  throw new Error(`waited in vain for ${what}`);
}
