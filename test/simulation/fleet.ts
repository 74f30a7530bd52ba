/** Many seeds on all cores: each worker thread runs one scenario after the other. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Violation } from './world.ts';

/** What is kept of one seed's run. */
export interface Flight {
  readonly seed: number;
  readonly days: number;
  readonly violations: readonly Violation[];
  readonly seen: readonly string[];
}

/** Runs all seeds, in any order, and tells each result as it comes. */
export async function fly(seeds: readonly number[], landed: (flight: Flight) => void): Promise<void> {
  const waiting = seeds.values();
  const count = Math.min(availableParallelism(), seeds.length);
  await Promise.all(Array.from({ length: count }, () => work(waiting, landed)));
}

function work(waiting: IterableIterator<number, undefined>, landed: (flight: Flight) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./fleet-worker.ts', import.meta.url));
    const next = (): void => {
      const seed = waiting.next();
      if (seed.done !== true) return worker.postMessage(seed.value);
      void worker.terminate();
      resolve();
    };
    worker.on('error', reject);
    worker.on('message', (flight: Flight) => {
      landed(flight);
      next();
    });
    next();
  });
}
