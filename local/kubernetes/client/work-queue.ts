/** Work by key: one at a time for each key, again when something changed meanwhile, again later when it failed. */
import { setTimeout as sleep } from 'node:timers/promises';

/** Asks for looks at keys. */
export interface Settler {
  look(key: string): void;
  /** Takes no more work and waits for what runs. */
  stop(): Promise<void>;
}

const retryMs = 300;

/** `settle` brings one key into order; it must be safe to call at any time. */
export function createSettler(settle: (key: string) => Promise<void>, failed: (message: string) => void): Settler {
  const wanted = new Set<string>();
  const running = new Map<string, Promise<void>>();
  let stopped = false;

  async function work(key: string): Promise<void> {
    while (wanted.delete(key) && !stopped) {
      try {
        await settle(key);
      } catch (error) {
        if (stopped) return;
        failed(`${key}: ${error instanceof Error ? error.message : String(error)}`);
        wanted.add(key);
        await sleep(retryMs);
      }
    }
  }

  function look(key: string): void {
    if (stopped) return;
    wanted.add(key);
    if (running.has(key)) return;
    running.set(
      key,
      work(key).finally(() => {
        running.delete(key);
        if (wanted.has(key)) look(key);
      }),
    );
  }

  return {
    look,
    async stop() {
      stopped = true;
      await Promise.all(running.values());
    },
  };
}
