import { setTimeout as pause } from 'node:timers/promises';

/** Polls until `probe` gives something; a throw counts as "not yet" and becomes the cause of the failure. */
export async function eventually<T>(
  what: string,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  seconds = 60,
): Promise<T> {
  const end = performance.now() + seconds * 1000;
  let trouble: unknown;
  do {
    try {
      const found = await probe();
      if (found !== undefined && found !== false) return found;
      trouble = undefined;
    } catch (error) {
      trouble = error;
    }
    await pause(100);
  } while (performance.now() < end);
  throw new Error(`${what}: did not come within ${seconds} s`, { cause: trouble });
}
