/** One thread of the fleet: plays the seeds that it is sent. */
import { parentPort } from 'node:worker_threads';
import type { Flight } from './fleet.ts';
import { run } from './run.ts';
import { createScenario } from './scenario.ts';

parentPort?.on('message', (seed: number) => void play(seed));

async function play(seed: number): Promise<void> {
  const { days, violations, seen } = await run(createScenario(seed));
  parentPort?.postMessage({ seed, days, violations, seen: [...seen] } satisfies Flight);
}
