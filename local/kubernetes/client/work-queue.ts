/** Keys to reconcile: one at a time for each key, again when something changed meanwhile, again later after a failure. */
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../machine/error-message.ts';

/** A running queue. */
export interface WorkQueue {
  /** Asks for a reconcile of this key from now on. */
  add(key: string): void;
  /** Takes no more keys and waits for the reconciles that run. */
  stop(): Promise<void>;
}

const retryMs = 300;

/** `reconcile` must be safe to call at any time; `failed` takes the reason of each retry. */
export function createWorkQueue(
  reconcile: (key: string) => Promise<void>,
  failed: (message: string) => void,
): WorkQueue {
  const waiting = new Set<string>();
  const running = new Map<string, Promise<void>>();
  let stopped = false;

  async function work(key: string): Promise<void> {
    while (waiting.delete(key) && !stopped) {
      try {
        await reconcile(key);
      } catch (error) {
        if (stopped) return;
        failed(`${key}: ${messageOf(error)}`);
        waiting.add(key);
        await sleep(retryMs);
      }
    }
  }

  function add(key: string): void {
    if (stopped) return;
    waiting.add(key);
    if (running.has(key)) return;
    running.set(
      key,
      work(key).finally(() => {
        running.delete(key);
        if (waiting.has(key)) add(key);
      }),
    );
  }

  return {
    add,
    async stop() {
      stopped = true;
      await Promise.all(running.values());
    },
  };
}
