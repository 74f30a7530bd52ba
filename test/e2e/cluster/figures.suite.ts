/** Measures what README's table "Figures" says about a real cluster; each figure is printed, and bounded generously. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../../support/eventually.ts';
import { timeOfDay } from '../../support/objects.ts';
import type { TestDatabase } from '../../support/database.ts';
import { functionNames } from '../../../tools/build.ts';
import { watchReplicas, type ReplicaWatch } from './replicas.ts';
import type { TestCluster } from '../../support/test-cluster.ts';
import { openInCluster } from './open.ts';
import { kubectl } from './target.ts';

describe('figures', () => {
  let cluster: TestCluster;
  let database: TestDatabase;
  let replicas: ReplicaWatch;

  before(async () => {
    replicas = watchReplicas();
    cluster = await openInCluster('figures');
    database = await cluster.database();
    // 100 MB that do not compress away.
    const row = 'select n, repeat(md5(random()::text || n), 8) as text from generate_series(1, 340000) n';
    await database.sql(`create table bulk as ${row}; checkpoint`);
  });
  after(async () => {
    replicas.close();
    await cluster.close();
  });

  test('one backup day: a slot from zero, its rotation, and scale-down', async (context) => {
    await untilAllAtZero(replicas);
    await cluster.manager({ at: timeOfDay(75), keep: 2 });
    const nextSlot = await eventually('next slot', async () => (await cluster.pgm()).status.schedule?.nextSlot);
    // The first looks of a new PgManager are no part of a backup day.
    await untilAllAtZero(replicas);
    const slot = Date.parse(nextSlot);
    assert.ok(Date.now() < slot, 'all functions were at zero before the slot');
    const name = `pg-manager-backup-at-${nextSlot.toLowerCase().replaceAll(':', '-')}`;
    const created = await eventually(
      'PgBackup of the slot',
      async () => ((await cluster.pgb(name)) ? Date.now() : undefined),
      90,
    );
    const backup = await cluster.finished(name, 180);
    const ended = Date.now();
    assert.equal(backup.status.state, 'success', backup.status.message);
    const start = Date.parse(backup.status.startTime ?? '');
    context.diagnostic(`slot → PgBackup seen: ${seconds(created - slot)}; → wal-g started: ${seconds(start - slot)}`);
    context.diagnostic(`slot → success announced: ${seconds(ended - slot)}; wal-g itself: ${backup.status.duration}`);
    const size = await database.sql('select pg_size_pretty(pg_database_size(current_database()))');
    context.diagnostic(`database: ${size.join()}; stored: ${backup.status.size}`);
    await untilAllAtZero(replicas);
    for (const each of functionNames()) {
      const zero = replicas.of(each).at(-1)?.at ?? 0;
      const total = replicas.podSeconds(each, slot, Date.now());
      context.diagnostic(
        `${each}: ${total.toFixed(0)} pod-seconds for the slot; at zero ${seconds(zero - ended)} after the end`,
      );
      assert.ok(total < 300, `${each} was up for ${total} s`);
    }
  });

  test('PgBackup applied → success, functions at zero; memory of a function', async (context) => {
    await untilAllAtZero(replicas);
    const begun = Date.now();
    await cluster.backup('by-hand');
    const backup = await cluster.finished('by-hand', 180);
    assert.equal(backup.status.state, 'success', backup.status.message);
    context.diagnostic(
      `PgBackup applied → success announced: ${seconds(Date.now() - begun)}; wal-g itself: ${backup.status.duration}`,
    );
    const memory = await memoryOfFunctions();
    for (const [pod, mebibytes] of memory) context.diagnostic(`${pod}: working set ${mebibytes.toFixed(0)} MiB`);
    assert.ok(memory.length > 0);
    assert.ok(
      memory.every(([, mebibytes]) => mebibytes < 160),
      'below the limit of the manifests',
    );
  });
});

async function untilAllAtZero(replicas: ReplicaWatch): Promise<void> {
  await eventually(
    'all functions at zero',
    () => functionNames().every((name) => replicas.of(name).at(-1)?.replicas === 0),
    120,
  );
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

interface Summary {
  readonly pods: readonly {
    readonly podRef: { readonly name: string; readonly namespace: string };
    readonly containers?: readonly { readonly name: string; readonly memory?: { readonly workingSetBytes?: number } }[];
  }[];
}

/** What the kubelet says. */
async function memoryOfFunctions(): Promise<[string, number][]> {
  const nodes = (await kubectl('get', 'nodes', '-o', 'jsonpath={.items[*].metadata.name}')).split(' ');
  const texts = nodes.map((node) => kubectl('get', '--raw', `/api/v1/nodes/${node}/proxy/stats/summary`));
  return (await Promise.all(texts))
    .flatMap((text) => (JSON.parse(text) as Summary).pods)
    .filter(({ podRef }) => podRef.namespace === 'aidboxops')
    .flatMap(({ podRef, containers = [] }) =>
      containers
        .filter(({ name, memory }) => name === 'function' && memory?.workingSetBytes !== undefined)
        .map(({ memory }): [string, number] => [podRef.name, (memory?.workingSetBytes ?? 0) / 1024 / 1024]),
    );
}
