/** What an idle sweep and an idle probe take of CPU on real parts, from zero and warm. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Shop } from '../support/shop.ts';
import type { Extent } from './extent.ts';
import { compare } from './rounds.ts';
import { addManager, keepWarm, openStage, untilAtZero } from './shop-stage.ts';
import { median, quantile, rounded } from './statistics.ts';
import type { Row, Table } from '../support/table.ts';
import { watch } from './watch.ts';

interface Case {
  readonly timer: 'sweep' | 'probe';
  readonly function: 'schedule' | 'storage';
  readonly isWarm: boolean;
}

const cases: readonly Case[] = [
  { timer: 'sweep', function: 'schedule', isWarm: false },
  { timer: 'sweep', function: 'schedule', isWarm: true },
  { timer: 'probe', function: 'storage', isWarm: false },
  { timer: 'probe', function: 'storage', isWarm: true },
];

/** Longer than both take, shorter than the window. */
const settleMs = 4_000;

export async function benchIdle({ rounds }: Extent): Promise<Table> {
  const shop = await openStage('bench-idle');
  try {
    await shop.database();
    await addManager(shop);
    return tableOf(await compare(cases, { rounds }, (each) => cpuOfTick(shop, each)), rounds);
  } finally {
    await shop.close();
  }
}

/** Milliseconds, of the start of the process too when it was at zero. */
async function cpuOfTick(shop: Shop, { timer, function: name, isWarm }: Case): Promise<number> {
  if (isWarm) await keepWarm(shop, [name], Date.now() + 1_000);
  else await untilAtZero(shop);
  const watching = watch(() => shop.environment.functions());
  await shop.tick(timer);
  await pause(settleMs);
  watching.stop();
  const { cpu, processes } = watching.of(name);
  if (processes !== 1) throw new Error(`${timer} was handled by ${processes} processes`);
  return cpu;
}

function tableOf(samples: ReadonlyMap<Case, readonly number[]>, rounds: number): Table {
  const rows = [...samples].map(([{ timer, function: name, isWarm }, cpu]): Row => ({
    tick: timer,
    function: name,
    process: isWarm ? 'warm' : 'from zero',
    'CPU ms': rounded(median(cpu)),
    'p10–p90': `${rounded(quantile(cpu, 0.1))}–${rounded(quantile(cpu, 0.9))}`,
  }));
  return {
    title: 'Idle ticks',
    method: `Local environment, one PgManager with nothing to do; medians of ${rounds} rounds, all cases in each, in random order. CPU of the function's process.`,
    rows,
  };
}
