/** One thread of the fleet: runs the seeds that it is sent. */
import { parentPort } from 'node:worker_threads';
import type { Flight } from './fleet.ts';
import { run } from './run.ts';
import { createScenario } from './scenario.ts';

parentPort?.on('message', (seed: number) => void runSeed(seed));

async function runSeed(seed: number): Promise<void> {
  const { days, violations, seen } = await run(createScenario(seed));
  parentPort?.postMessage({ seed, days, violations, seen: [...seen] } satisfies Flight);
}
