/**
 * A slot on real parts: how soon wal-g starts and success is announced, beside the same wal-g run by hand. Functions from
 * zero, and warm.
 */
import { existsSync, statSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { slotBackupName } from '../../functions/schedule/slot-backup.ts';
import { eventually } from '../support/eventually.ts';
import { runAsOwner, type LocalCluster } from '../support/local-cluster.ts';
import type { Extent } from './extent.ts';
import { watch } from './watch.ts';
import { compare } from './rounds.ts';
import { addManager, keepWarm, nextSlot, openFixture, patience, slotFromZero, untilAtZero } from './local-fixture.ts';
import { median, quantile, rounded } from './statistics.ts';
import type { Row, Table } from '../support/table.ts';

const ways = ['from zero, timer ahead', 'warm, timer ahead'] as const;
type Way = (typeof ways)[number];

const workers = ['schedule', 'backup', 'rotation'] as const;

interface Sample {
  /** Seconds after the slot. */
  readonly line: number;
  readonly success: number;
  /** Seconds that wal-g takes by hand. */
  readonly hand: number;
  /** Milliseconds of CPU by function, its start included when it was at zero. */
  readonly cpu: Readonly<Record<(typeof workers)[number], number>>;
}

export async function benchSlot({ rounds }: Extent): Promise<Table> {
  const cluster = await openFixture('bench-slot');
  try {
    await cluster.database();
    await addManager(cluster);
    // The first round warms up the database and the page cache.
    return tableOf(await compare(ways, { rounds, warmUps: 1 }, (way) => measure(cluster, way)), rounds);
  } finally {
    await cluster.close();
  }
}

async function measure(cluster: LocalCluster, way: Way): Promise<Sample> {
  const isWarm = way === 'warm, timer ahead';
  const slot = isWarm ? await nextSlot(cluster) : await slotFromZero(cluster);
  if (isWarm) await keepWarm(cluster, workers, slot - 1_000);
  const watching = watch(() => cluster.environment.functions());
  const name = slotBackupName('pg-manager', slot / 1000);
  const log = cluster.running().realPath(`/PgBackup/${name}.log`);
  const [line, success] = await Promise.all([firstLine(log), successOf(cluster, name)]);
  const rotated = async (): Promise<true | undefined> => {
    const { status } = await cluster.pgm();
    const { backup, rotation } = status.conditions;
    return backup?.lastSuccess?.name === name && rotation?.servedBackup === backup.lastSuccess.uid ? true : undefined;
  };
  await eventually('rotation', rotated, patience);
  watching.stop();
  const cpu = Object.fromEntries(workers.map((each) => [each, watching.cpuOf(each)])) as Sample['cpu'];
  await untilAtZero(cluster);
  return { line: (line - slot) / 1000, success: (success - slot) / 1000, hand: await byHand(cluster), cpu };
}

/** When the log of the run has something in it, in milliseconds since 1970. */
async function firstLine(log: string): Promise<number> {
  while (!existsSync(log) || statSync(log).size === 0) await pause(5);
  return Date.now();
}

async function successOf({ environment, namespace }: LocalCluster, name: string): Promise<number> {
  const path = `/apis/aidbox.pg/v01/namespaces/${namespace}/pgbackups?watch=1`;
  for await (const line of environment.api.lines({ path })) {
    const { object } = JSON.parse(line) as { object: { metadata: { name: string }; status?: Ended } };
    if (object.metadata.name !== name) continue;
    if (object.status?.state === 'success') return Date.now();
    if (object.status?.state === 'error') throw new Error(object.status.message);
  }
  throw new Error(`the watch of ${path} ended`);
}

interface Ended {
  readonly state?: string;
  readonly message?: string;
}

/** Seconds of the same command, without us. */
async function byHand(cluster: LocalCluster): Promise<number> {
  const begun = performance.now();
  await runAsOwner(cluster.running(), 'wal-g backup-push "$PGDATA"');
  return (performance.now() - begun) / 1000;
}

function tableOf(samples: ReadonlyMap<Way, readonly Sample[]>, rounds: number): Table {
  const rows = [...samples].map(([name, some]): Row => {
    const overhead = some.map(({ success, hand }) => success - hand);
    const lines = some.map(({ line }) => line);
    const middle = (values: readonly number[]): number => rounded(median(values));
    return {
      functions: name,
      'first line': middle(lines),
      'p10–p90': `${rounded(quantile(lines, 0.1))}–${rounded(quantile(lines, 0.9))}`,
      success: middle(some.map(({ success }) => success)),
      'by hand': middle(some.map(({ hand }) => hand)),
      overhead: middle(overhead),
      'overhead p90': rounded(quantile(overhead, 0.9)),
      ...Object.fromEntries(workers.map((each) => [`CPU ms, ${each}`, middle(some.map(({ cpu }) => cpu[each]))])),
    };
  });
  const overheadOf = (way: Way): number => Number(rows.find((row) => row['functions'] === way)?.['overhead']);
  return {
    title: 'Slot',
    method: `Local environment, small database; medians of ${rounds} rounds, all ways in each, in random order. Seconds after the slot; by hand is wal-g backup-push alone in the same container, once in each pair; overhead is success less that.`,
    rows,
    targets: [
      atMost('overhead, warm', overheadOf('warm, timer ahead'), 2),
      atMost('overhead, from zero', overheadOf('from zero, timer ahead'), 4),
    ],
  };
}

function atMost(what: string, found: number, limit: number): NonNullable<Table['targets']>[number] {
  return { what, wanted: `≤ ${limit} s`, found, met: found <= limit };
}
