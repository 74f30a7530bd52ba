/** Rotation on real storage: all the situations in which nothing may go; what stays and goes otherwise is in the main job. */
import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { RotationCondition } from '../../functions/domain/resources/pg-manager.ts';
import type { TestDatabase } from '../support/database.ts';
import {
  assertAsPublished,
  subscribe,
  kubernetesEvent,
  kubernetesEvents,
  timers,
  type Consumer,
} from '../support/outside.ts';
import { storageName } from '../support/database-set.ts';
import { eventually } from '../support/eventually.ts';
import { openLocalCluster, type LocalCluster } from '../support/local-cluster.ts';
import { timeOfDay } from '../support/objects.ts';
import { takeBackup, untilRotated } from './stories/backups.ts';

let cluster: LocalCluster;
let consumer: Consumer;
/** While true, every event for the rotation function gets lost. */
let rotationIsDeaf = false;

before(async () => {
  const loses = (trigger: string): boolean => rotationIsDeaf && trigger.startsWith('rotation-');
  cluster = await openLocalCluster('rotation', { loses });
  consumer = await subscribe(cluster.environment);
});

after(async () => {
  await (consumer as Consumer | undefined)?.close();
  await (cluster as LocalCluster | undefined)?.close();
});

test('hollow backups do not count (H36)', async () => {
  const database = await cluster.database({ name: 'hollow' });
  // One that fails: its storage is away.
  const storage = storageOf('hollow');
  renameSync(storage, `${storage}-away`);
  await cluster.backup('hollow-1', 'hollow');
  const failed = await cluster.finished('hollow-1');
  renameSync(`${storage}-away`, storage);
  assert.equal(failed.status.reason, 'WalgError', failed.status.message);
  await cluster.manager({ name: 'hollow', statefulSet: 'hollow', keep: 2 });
  const proven = await takeBackup(cluster, 'hollow-2', 'hollow');
  await untilRotated(cluster, proven, 'hollow');
  await untilRotated(cluster, await takeBackup(cluster, 'hollow-3', 'hollow'), 'hollow');
  const before = await database.stored();
  await pushByHand(database, failed.metadata.uid);
  await pushByHand(database, '00000000-0000-4000-8000-000000000000');

  const rotation = await untilRotated(cluster, await takeBackup(cluster, 'hollow-4', 'hollow'), 'hollow');
  const stored = await database.stored();
  assert.equal(stored.length, 4);
  assert.deepEqual(
    before.filter((name) => !stored.includes(name)),
    [before[0]],
    'only the oldest proven one went',
  );
  assert.match(rotation.message ?? '', /^4 stored, 1 deleted/);
  assert.deepEqual(
    (await cluster.backupNames('hollow')).filter((name) => name !== failed.metadata.name),
    ['hollow-3', 'hollow-4'],
  );
});

test('a bucket with foreign backups: nothing is deleted unasked, nor by a dry run; adopted, it is made so (H40)', async (t) => {
  const database = await cluster.database({ name: 'foreign' });
  await pushByHand(database);
  await pushByHand(database);
  const foreign = await database.stored();
  await cluster.manager({ statefulSet: 'foreign', keep: 1 });
  const { metadata } = await cluster.pgm();

  await t.test('unasked', async () => {
    const rotation = await untilRotated(cluster, await takeBackup(cluster, 'foreign-1', 'foreign'), 'pg-manager');
    assert.equal(rotation.status, 'error');
    const today = new Date().toISOString().slice(0, 10);
    assert.equal(
      rotation.message,
      `refused: 2 of 3 stored backups are not ours (oldest ${today}). Set spec.rotation.adopt: true to include them; takes effect after the next successful backup.`,
    );
    const stored = await database.stored();
    assert.deepEqual(stored.slice(0, 2), foreign);
    assert.equal(stored.length, 3);
    assert.deepEqual(await kubernetesEvent(cluster, metadata.uid, 'RotationRefused'), {
      type: 'Warning',
      reason: 'RotationRefused',
      message: rotation.message,
    });
  });

  await t.test('dry run', async () => {
    await cluster.follow('adopt');
    await cluster.follow('dry-run');
    const before = await database.stored();
    const rotation = await untilRotated(cluster, await takeBackup(cluster, 'foreign-2', 'foreign'), 'pg-manager');
    assert.equal(rotation.status, 'dryrun');
    assert.equal(rotation.message, `would delete 3: ${before.join(', ')}`);
    assert.deepEqual((await database.stored()).slice(0, 3), before);
    assert.deepEqual(await cluster.backupNames('foreign'), ['foreign-1', 'foreign-2']);
  });

  await t.test('adopted', async () => {
    await cluster.follow('adopt');
    const backup = await takeBackup(cluster, 'foreign-3', 'foreign');
    const rotation = await untilRotated(cluster, backup, 'pg-manager');
    assert.equal(rotation.status, 'ok', rotation.message);
    assert.deepEqual(await database.stored(), [backup.status.backup?.name]);
    assert.deepEqual(await cluster.backupNames('foreign'), ['foreign-3']);
  });
});

test('another cluster stores its backups beside ours: none goes, until its UID is named (H66 H123)', async () => {
  const database = await cluster.database({ name: 'shared' });
  const other = '4c21e2aa-0d54-4b9b-b0b2-4a4c3e1c8f10';
  await cluster.manager({ name: 'shared', statefulSet: 'shared', keep: 1, rotation: { adopt: true } });
  await untilRotated(cluster, await takeBackup(cluster, 'shared-1', 'shared'), 'shared');
  await pushByHand(database, '00000000-0000-4000-8000-000000000000', other);

  const refusal = await untilRotated(cluster, await takeBackup(cluster, 'shared-2', 'shared'), 'shared');
  const told =
    /^refused: 1 of 3 stored backups are of another installation \(namespace UID (\S+), newest \S+\)\. Give each/;
  assert.match(refusal.message ?? '', told);
  assert.equal(told.exec(refusal.message ?? '')?.[1], other);
  assert.equal((await database.stored()).length, 3);

  await cluster.patch({ spec: { rotation: { adoptFrom: [other] } } }, 'shared');
  const newest = await takeBackup(cluster, 'shared-3', 'shared');
  const rotation = await untilRotated(cluster, newest, 'shared');
  assert.equal(rotation.status, 'ok', rotation.message);
  assert.deepEqual(await database.stored(), [newest.status.backup?.name]);
});

test('storage that was changed: no PgBackup is pruned, and each that vanished is warned of once (H41)', async () => {
  const database = await cluster.database({ name: 'moved' });
  await cluster.manager({ name: 'moved', statefulSet: 'moved', keep: 5 });
  const lost = [await takeBackup(cluster, 'moved-1', 'moved'), await takeBackup(cluster, 'moved-2', 'moved')];
  await untilRotated(cluster, lost.at(-1)!, 'moved');
  const prefix = storageOf('moved');
  renameSync(prefix, `${prefix}-before`);
  mkdirSync(prefix);
  if (process.getuid?.() === 0) chownSync(prefix, 65_534, 65_534);
  await cluster.patch({ spec: { backup: { numberToRetain: 1 } } }, 'moved');

  const rotation = await untilRotated(cluster, await takeBackup(cluster, 'moved-3', 'moved'), 'moved');
  assert.match(rotation.message ?? '', /^1 stored, 0 deleted;/);
  assert.deepEqual(await cluster.backupNames('moved'), ['moved-1', 'moved-2', 'moved-3']);
  for (const { metadata } of lost)
    assert.equal((await kubernetesEvent(cluster, metadata.uid, 'BackupVanished')).type, 'Warning');

  const next = await takeBackup(cluster, 'moved-4', 'moved');
  await untilRotated(cluster, next, 'moved');
  assert.deepEqual(await database.stored(), [next.status.backup?.name]);
  assert.deepEqual(await cluster.backupNames('moved'), ['moved-1', 'moved-2', 'moved-4']);
  const { metadata } = await cluster.pgm('moved');
  const warnings = (await kubernetesEvents(cluster, metadata.uid)).filter(({ reason }) => reason === 'BackupVanished');
  assert.equal(warnings.length, 2, 'one for each, however often it is looked');
  assert.equal(readdirSync(join(`${prefix}-before`, 'basebackups_005')).filter((name) => /json$/.test(name)).length, 2);
});

test('two PgManagers with one selector: nothing is deleted, only the slots of the older one run (H42)', async (t) => {
  const database = await cluster.database({ name: 'rivals' });
  const at = timeOfDay(10);
  await cluster.manager({ name: 'older', statefulSet: 'rivals', keep: 5, at });
  // Age has a resolution of one second.
  await pause(1100);
  await cluster.manager({ name: 'younger', statefulSet: 'rivals', keep: 1, at });

  await t.test('slots', async () => {
    const [backup] = await eventually('PgBackup of the slot', async () => {
      const found = await cluster.backupNames('rivals');
      return found.length > 0 ? found : undefined;
    });
    assert.match(backup ?? '', /^older-backup-at-/);
    await cluster.finished(backup ?? '');
    const missed = await eventually('missed slot', async () => (await cluster.pgm('younger')).status.schedule?.missed);
    assert.deepEqual([missed.count, missed.last[0]?.reason], [1, 'ScheduleConflict']);
    const { metadata, status } = await cluster.pgm('younger');
    const event = await kubernetesEvent(cluster, metadata.uid, 'ScheduleConflict');
    assert.equal(event.type, 'Warning');
    assert.equal(event.message, status.schedule?.message);
    assert.match(event.message, /^1 slot missed: an older PgManager has the same selector "rivals"/);
  });

  await t.test('rotation', async () => {
    const backup = await takeBackup(cluster, 'rivals-1', 'rivals');
    for (const name of ['older', 'younger']) {
      const rotation = await untilRotated(cluster, backup, name);
      assert.equal(rotation.status, 'error');
      assert.match(
        rotation.message ?? '',
        /^refused: ScheduleConflict: 2 PgManagers .* \(older, younger\)\. Delete or suspend all/,
      );
    }
    assert.equal((await database.stored()).length, 2);
    assert.equal((await cluster.backupNames('rivals')).length, 2);
  });

  await t.test('one of them deleted', async () => {
    await cluster.kubectl('delete', 'pgm', '-n', cluster.namespace, 'younger');
    const rotation = await untilRotated(cluster, await takeBackup(cluster, 'rivals-2', 'rivals'), 'older');
    assert.equal(rotation.status, 'ok', rotation.message);
    assert.equal((await database.stored()).length, 3);
  });
});

test('storage that does not let wal-g delete: an error, counted, and mended by the sweep once it does (H46, H47)', async (t) => {
  const database = await cluster.database({ name: 'locked' });
  await cluster.manager({ name: 'locked', statefulSet: 'locked', keep: 1 });
  const first = await takeBackup(cluster, 'locked-1', 'locked');
  await untilRotated(cluster, first, 'locked');
  rotationIsDeaf = true;
  const second = await takeBackup(cluster, 'locked-2', 'locked');
  const both = await database.stored();
  const { metadata } = await cluster.pgm('locked');
  const prefix = storageOf('locked');

  await t.test('first attempt, although every event until then was lost', async () => {
    setWritable(prefix, false);
    rotationIsDeaf = false;
    await cluster.tick('sweep');
    const rotation = await ended('locked', `${second.metadata.uid}-1`);
    assert.equal(rotation.status, 'error');
    assert.match(
      rotation.message ?? '',
      /^failed: wal-g .*denied.* Attempt 1 of 10; it is tried again within half an hour/,
    );
    assert.equal(rotation.attempt, 1);
    assert.equal(rotation.servedBackup, first.metadata.uid);
    assert.equal((await kubernetesEvent(cluster, metadata.uid, 'RotationFailed')).type, 'Warning');
    assert.deepEqual(await database.stored(), both);
    assert.deepEqual(await cluster.backupNames('locked'), ['locked-1', 'locked-2']);
  });

  await t.test('it is left alone for a while: no timer, and a sweep starts nothing', async () => {
    await eventually('no rotation timer', async () => {
      const names = (await timers(cluster)).map(({ name }) => name);
      return !names.includes(`aidboxops-rotation-${metadata.uid}`);
    });
    const from = cluster.observations.length;
    await cluster.tick('sweep');
    await eventually('the look that the sweep asks for', () =>
      cluster.observations
        .slice(from)
        .find((one) => one.kind === 'delivery' && one.trigger === 'aidboxops/rotation-look' && one.status === 204),
    );
    assert.equal((await cluster.pgm('locked')).status.conditions.rotation?.attempt, 1);
  });

  await t.test('second attempt', async () => {
    await letTimePass('locked');
    await cluster.tick('sweep');
    const rotation = await ended('locked', `${second.metadata.uid}-2`);
    assert.equal(rotation.status, 'error');
    assert.match(rotation.message ?? '', /Attempt 2 of 10/);
  });

  await t.test('storage is mended', async () => {
    setWritable(prefix, true);
    await letTimePass('locked');
    await cluster.tick('sweep');
    const rotation = await untilRotated(cluster, second, 'locked');
    assert.equal(rotation.status, 'ok', rotation.message);
    assert.equal(rotation.attempt, 3);
    assert.deepEqual(await database.stored(), [second.status.backup?.name]);
    assert.deepEqual(await cluster.backupNames('locked'), ['locked-2']);
  });
});

test('everything that was told of rotations is as published', () => {
  const events = consumer.seen.filter(({ type }) => type.startsWith('pg.aidbox.'));
  for (const event of events) assertAsPublished(event);
  const outcomes = events
    .filter(({ type }) => type.startsWith('pg.aidbox.rotation.'))
    .map(({ data }) => (data as { outcome: string }).outcome);
  assert.deepEqual([...new Set(outcomes)].sort(), ['dryrun', 'error', 'refused', 'success']);
});

/** The run of this id, ended and told. */
function ended(manager: string, id: string): Promise<RotationCondition> {
  return eventually(`end of rotation ${id}`, async () => {
    const { rotation } = (await cluster.pgm(manager)).status.conditions;
    return rotation?.log?.[0]?.id === id && rotation.outbox === undefined ? rotation : undefined;
  });
}

/** As if the last run had ended a quarter of an hour earlier. */
async function letTimePass(manager: string): Promise<void> {
  const value = new Date(Date.now() - 900_000).toISOString().replace(/\.\d+/, '');
  const patch = [{ op: 'replace', path: '/status/conditions/rotation/log/0/finishTime', value }];
  await cluster.kubectl(
    ...['patch', 'pgm', '-n', cluster.namespace, manager, '--subresource=status', '--type=json'],
    ...['--field-manager=aidboxops-rotation', '-p', JSON.stringify(patch)],
  );
}

/** What a CronJob did before there was a manager; with a UID, what a run of ours leaves that was never proved. */
async function pushByHand(database: TestDatabase, uid?: string, of?: string): Promise<void> {
  const owner = { uid, namespace: cluster.namespace, statefulSet: database.pod.replace(/-0$/, ''), cluster: of };
  const userData = uid === undefined ? '' : `WALG_SENTINEL_USER_DATA='${JSON.stringify({ aidboxops: owner })}' `;
  await database.asOwner(`${userData}wal-g backup-push "$PGDATA"`);
}

/** Directory of a StatefulSet's backups on this machine. */
function storageOf(statefulSet: string): string {
  return join(cluster.environment.storageDir, storageName(cluster.namespace, statefulSet));
}

/** Takes from everybody, or gives back, the right to make and remove what is in these directories. */
function setWritable(directory: string, writable: boolean): void {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (entry.isDirectory()) setWritable(join(directory, entry.name), writable);
  }
  chmodSync(directory, writable ? 0o755 : 0o555);
}
