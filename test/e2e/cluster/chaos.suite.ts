/** Parts are killed in mid-backup: afterwards everything has ended as promised, once. Our own cluster only. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../../support/eventually.ts';
import { timeOfDay } from '../../support/objects.ts';
import type { TestDatabase } from '../../support/database.ts';
import { killAll } from './kill.ts';
import type { TestCluster } from '../../support/test-cluster.ts';
import { assertSucceeds, untilRunning } from '../stories/backups.ts';
import { openInCluster } from './open.ts';
import { kubectl } from './target.ts';

/** Parts that may be killed at any time, and how their command lines begin. */
const parts = [
  { name: 'the backup function', pattern: /^node \/app\/boot\.cjs backup/ },
  { name: 'every function', pattern: /^node \/app\/boot\.cjs \w+/ },
  { name: 'the ingress of the Broker', pattern: /^\/program\/eventing-broker-ingress/ },
  { name: 'the filter of the Broker', pattern: /^\/program\/eventing-broker-filter/ },
  { name: 'the dispatcher of the channel', pattern: /^\/program\/eventing-channel-dispatcher/ },
  { name: 'the adapter of timers', pattern: /^\/program\/mtping/ },
  { name: 'the API server', pattern: /^\S*kube-apiserver-\S+ / },
  { name: 'the kubelet', pattern: /^\S*kubelet-\S+ / },
] as const;

/**
 * Seconds from the adapter's last death until a look at a running backup is sure to have come: the kubelet's back-off (up
 * to 80), the lease that its dead holder has (60, and 10 until somebody asks), the minute of the timer, a start from zero.
 */
const adapterBack = 240;

describe('chaos', () => {
  let cluster: TestCluster;
  let database: TestDatabase;

  before(async () => {
    cluster = await openInCluster('chaos');
    database = await cluster.database({ env: { WALG_DISK_RATE_LIMIT: String(1024 * 1024) } });
  });
  after(() => cluster.close());

  for (const [index, { name, pattern }] of parts.entries()) {
    test(`${name} killed in mid-backup: one success, stored once, told once`, async () => {
      const backup = `chaos-${index}`;
      const stored = (await database.stored()).length;
      await cluster.backup(backup);
      await untilRunning(cluster, backup);
      assert.ok(killAll(pattern) > 0, 'something was killed');
      await eventually('API server', () => kubectl('get', '--raw', '/readyz'), 60);
      // A lost event is made up for by the sweep, which is due every 15 minutes: here it is due now.
      await eventually('a sweep', () => cluster.tick('sweep').then(() => true), 60);
      const { metadata } = await assertSucceeds(cluster, backup, 180);
      assert.equal((await database.stored()).length, stored + 1);
      assert.deepEqual(await cluster.events(metadata.uid), ['Normal BackupStarted', 'Normal BackupSucceeded']);
    });
  }

  test('the adapter of timers is down across a slot: the sweep runs it, once', async () => {
    await cluster.manager({ at: timeOfDay(30), keep: 30 });
    const { uid } = (await cluster.pgm()).metadata;
    await eventually('slot timer', () => kubectl('get', '-n', 'chaos', `pingsource/aidboxops-slot-${uid}`));
    const nextSlot = await eventually('next slot', async () => (await cluster.pgm()).status.schedule?.nextSlot);
    await eventually('the slot', () => {
      killAll(/^\/program\/mtping/);
      return Date.now() > Date.parse(nextSlot) + 2_000;
    });
    await cluster.tick('sweep');
    const name = `pg-manager-backup-at-${nextSlot.toLowerCase().replaceAll(':', '-')}`;
    await assertSucceeds(cluster, name, adapterBack);
    assert.equal((await cluster.pgbs()).filter(({ metadata }) => metadata.name.startsWith('pg-manager-')).length, 1);
  });

  test('the adapter of changes is down while PgBackups are made: all end after one sweep', async () => {
    const names = ['unseen-0', 'unseen-1', 'unseen-2'];
    for (const name of names) {
      killAll(/^\/program\/apiserver_receive_adapter/);
      await cluster.backup(name);
    }
    await cluster.tick('sweep');
    const ended = await Promise.all(names.map((name) => cluster.finished(name, 180)));
    const reasons = ended.map(({ status }) => status.reason ?? status.state).sort();
    assert.deepEqual(reasons, ['AlreadyRunning', 'AlreadyRunning', 'success']);
  });
});
