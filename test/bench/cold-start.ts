/** From the start of a process to its first answers, and what it weighs: paired and interleaved, every variant in every round. */
import { setTimeout as pause } from 'node:timers/promises';
import { rfc3339 } from '../../functions/domain/time.ts';
import { functionNames } from '../../tools/build.ts';
import { aManager } from '../support/situations/objects.ts';
import { startFakeApi, type FakeApi } from './fake-api.ts';
import { cpuOf, memoryOf, startProgram, type Program } from './program.ts';
import type { Extent } from './extent.ts';
import { compare } from './rounds.ts';
import { startSink } from './sink.ts';
import { median, pairedRatio, quantile, rounded } from './statistics.ts';
import type { Row, Table, Target } from '../support/table.ts';
import { bare, buildVariants, shipped } from './variants.ts';

interface Sample {
  readonly ready: number;
  /** From the start to the answer to the first CloudEvent, which needs the API server. */
  readonly event: number;
  readonly cpu: number;
  readonly rss: number;
  readonly private: number;
}

const bareName = 'bare node:http';

export async function benchColdStart({ rounds }: Extent): Promise<Table> {
  await buildVariants();
  const api = await startFakeApi([managerOfToday()]);
  const variants = variantsOf(api);
  // The functions announce what they find: without a sink the event would have to come again.
  const sink = await startSink();
  const samples = await compare([...variants.keys()], { rounds }, (name) => {
    const { argv, env } = variants.get(name)!;
    return sampleOf({ argv, env: { ...env, K_SINK: sink.url } });
  });
  await sink.close();
  await api.close();
  const rows = [...samples].map(([name, some]) => rowOf(name, some, samples));
  const method = `Medians of ${rounds} rounds, all variants in each, in random order; ratios are medians of pairs. Milliseconds from the start of the process; MB when idle.`;
  return { title: 'Cold start', method, rows, targets: functionNames().flatMap((name) => targetsOf(name, samples)) };
}

/** No slot is due, none was missed. */
function managerOfToday(): object {
  const now = Math.floor(Date.now() / 1000);
  const at = rfc3339(now + 43_200).slice(11, 19);
  return aManager()
    .at(at)
    .created(now - 3_600)
    .object();
}

function variantsOf({ kubeConfig }: FakeApi): Map<string, Program> {
  return new Map([[bareName, bare()], ...functionNames().map((name) => [name, shipped(name, kubeConfig)] as const)]);
}

async function sampleOf(program: Program): Promise<Sample> {
  const begun = performance.now();
  const running = await startProgram(program);
  const status = await running.send({ id: '1', type: 'bench', data: { namespace: 'shop', name: 'pg-manager' } });
  // The bare server says 200 to everything.
  if (status !== 204 && status !== 200) throw new Error(`the event was answered ${status}`);
  const event = performance.now() - begun;
  await pause(300);
  const sample = { ready: running.readyMs, event, cpu: cpuOf(running.pid) ?? Number.NaN, ...memoryOf(running.pid) };
  await running.stop();
  return sample;
}

function rowOf(name: string, samples: readonly Sample[], all: ReadonlyMap<string, readonly Sample[]>): Row {
  const middle = (key: keyof Sample): number => rounded(median(samples.map((sample) => sample[key])));
  const ready = samples.map((sample) => sample.ready);
  const ratio = (key: 'ready' | 'event'): number => ratioOf(samples, all.get(bareName)!, key);
  return {
    variant: name,
    ready: middle('ready'),
    'p10–p90': `${rounded(quantile(ready, 0.1))}–${rounded(quantile(ready, 0.9))}`,
    '× bare': ratio('ready'),
    'first event': middle('event'),
    '× bare, event': ratio('event'),
    CPU: middle('cpu'),
    RSS: middle('rss'),
    private: middle('private'),
  };
}

function ratioOf(samples: readonly Sample[], others: readonly Sample[], key: 'ready' | 'event'): number {
  const [left, right] = [samples, others].map((some) => some.map((sample) => sample[key]));
  return rounded(pairedRatio(left!, right!));
}

function targetsOf(name: string, all: ReadonlyMap<string, readonly Sample[]>): Target[] {
  const own = all.get(name)!;
  const limit = (what: string, found: number, at: number, unit: string): Target => ({
    what: `${name}: ${what}`,
    wanted: `≤ ${at}${unit}`,
    found,
    met: found <= at,
  });
  return [
    limit('ready against bare', ratioOf(own, all.get(bareName)!, 'ready'), 2.2, '×'),
    limit('RSS idle', rounded(median(own.map(({ rss }) => rss))), 75, ' MB'),
  ];
}
