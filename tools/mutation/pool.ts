/** Threads that answer one order after the other. What takes too much CPU is ended: its time on the wall says little on a busy machine. */
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Answer, Order } from './worker.ts';

export interface Job {
  readonly order: Order;
  /** CPU seconds that it may take. */
  readonly limit: number;
  /** `timeout`: it was ended. `crash`: it has ended its thread. */
  readonly done: (answer: Answer | 'timeout' | 'crash') => void;
}

/** Modules that were loaded anew stay in memory as long as their thread. */
const jobsEach = 100;
const memoryEach = 1024;

/** One thread a core, until all jobs are done. */
export async function workOff(jobs: readonly Job[]): Promise<void> {
  const waiting = jobs.values();
  await Promise.all(Array.from({ length: availableParallelism() }, () => serve(waiting)));
}

async function serve(waiting: IterableIterator<Job>): Promise<void> {
  let worker: Worker | undefined;
  let served = 0;
  for (let next = waiting.next(); next.done !== true; next = waiting.next()) {
    worker ??= await begin();
    const answer = await ask(worker, next.value);
    served += 1;
    if (typeof answer === 'string' || served % jobsEach === 0) {
      await worker.terminate();
      worker = undefined;
    }
    next.value.done(answer);
  }
  await worker?.terminate();
}

async function begin(): Promise<Worker> {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), {
    resourceLimits: { maxOldGenerationSizeMb: memoryEach },
  });
  // How it ends is told to whoever asks; when nobody does, that is no reason to end as well.
  worker.on('error', () => undefined);
  await once(worker, 'online');
  return worker;
}

async function ask(worker: Worker, { order, limit }: Job): Promise<Answer | 'timeout' | 'crash'> {
  const before = await worker.cpuUsage();
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      // A thread that has just ended has no usage any more; its end is an event.
      worker.cpuUsage(before).then(
        ({ user, system }) => (user + system > limit * 1e6 ? end('timeout') : undefined),
        () => undefined,
      );
    }, 1000);
    function crash(): void {
      end('crash');
    }
    function end(answer: Answer | 'timeout' | 'crash'): void {
      clearInterval(timer);
      worker.off('message', end).off('error', crash);
      resolve(answer);
    }
    worker.on('message', end).on('error', crash);
    worker.postMessage(order);
  });
}
