/** A second copy of a function: the same bundle with the same environment, to which every event goes as well. */
import { readFileSync } from 'node:fs';
import type { Environment } from '../../local/environment-types.ts';
import { toMessage, type CarriedEvent } from '../../local/knative/core/events.ts';
import { startProcess } from '../../local/knative/serving/function-process.ts';
import { post } from '../../local/knative/core/http.ts';
import { freePort } from '../../local/machine/ports.ts';
import { runningFunction } from './functions.ts';

/** A copy that runs. */
export interface SecondReplica {
  /** Gives it an event; what it answers is nobody's concern. */
  hand(event: CarriedEvent): void;
  stop(): Promise<void>;
}

const graceMs = 5_000;
const timeoutMs = 60_000;

/** Starts a copy of the function as it runs now, with its credentials and its sink. */
export async function startSecondReplica(environment: Environment, name: string): Promise<SecondReplica> {
  const original = await runningFunction(environment, name);
  const port = await freePort();
  const process = startProcess({
    argv: readFileSync(`/proc/${original.pid}/cmdline`, 'utf8').split('\0').filter(Boolean),
    env: { ...environmentOf(original.pid), PORT: String(port) },
    port,
    log: `${original.log}.replica`,
    readinessPath: '/healthz',
  });
  await process.ready;
  const handed = new Set<Promise<unknown>>();
  return {
    hand(event) {
      const answer = post(`http://127.0.0.1:${port}/`, toMessage(event), timeoutMs);
      handed.add(answer);
      void answer.finally(() => handed.delete(answer));
    },
    async stop() {
      await Promise.all(handed);
      process.stop(graceMs);
      await process.ended;
    },
  };
}

function environmentOf(pid: number): Record<string, string> {
  const pairs = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').filter(Boolean);
  return Object.fromEntries(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]));
}
