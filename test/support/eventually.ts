import { setTimeout as pause } from 'node:timers/promises';

/** Polls until `look` gives something; a throw counts as "not yet" and is told at the end. */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | undefined> | T | undefined,
  seconds = 60,
): Promise<T> {
  const end = performance.now() + seconds * 1000;
  let trouble: unknown;
  do {
    try {
      const found = await look();
      if (found !== undefined) return found;
      trouble = undefined;
    } catch (error) {
      trouble = error;
    }
    await pause(100);
  } while (performance.now() < end);
  throw new Error(`${what}: did not come within ${seconds} s`, { cause: trouble });
}
