/** Rotation on real storage: what stays, what goes, and all the situations in which nothing may go. */
import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { PgBackup } from '../../functions/domain/resources/pg-backup.ts';
import type { RotationCondition } from '../../functions/domain/resources/pg-manager.ts';
import type { Database } from '../../local/kubernetes/kubelet/databases.ts';
import {
  assertAsPublished,
  filesIn,
  follow,
  subscribe,
  sweep,
  told,
  toldOf,
  type Consumer,
} from '../support/outside.ts';
import { withRestored } from '../support/restored.ts';
import { eventually } from '../support/eventually.ts';
import { openShop, runAsOwner, timeOfDay, type Shop } from '../support/shop.ts';

let shop: Shop;
let consumer: Consumer;
/** While true, every event for the rotation function gets lost. */
let rotationIsDeaf = false;

before(async () => {
  shop = await openShop('rotation', {
    eventing: {
      faults: {
        onDelivery: (_event, trigger) =>
          rotationIsDeaf && trigger.startsWith('aidboxops/rotation-') ? 'drop' : 'deliver',
      },
    },
  });
  consumer = await subscribe(shop);
});

after(async () => {
  await (consumer as Consumer | undefined)?.close();
  await (shop as Shop | undefined)?.close();
});

test('numberToRetain: 2 after four backups: the two newest stay, with their WAL, and each can be restored', async (t) => {
  const database = await shop.database({ name: 'kept' });
  await database.sql('create table sales (n int)');
  await shop.manager({ name: 'kept', statefulSet: 'kept', keep: 2 });
  const backups: PgBackup[] = [];
  for (const n of [1, 2, 3, 4]) {
    await database.sql(`insert into sales values (${n})`);
    backups.push(await take(`kept-${n}`, 'kept'));
    await rotated('kept', backups.at(-1)!);
  }
  const [first, second, third, fourth] = backups.map((backup) => backup.status.backup?.name ?? '');
  assert.ok(first !== undefined && second !== undefined && third !== undefined && fourth !== undefined);

  assert.deepEqual(await shop.stored(database), [third, fourth]);
  assert.deepEqual(await backupNames('kept'), ['kept-3', 'kept-4']);
  const logs = (await filesIn(shop, database, '/PgBackup')).filter((name) => name.endsWith('.log'));
  assert.deepEqual(logs, ['kept-3.log', 'kept-4.log']);
  const runs = await filesIn(shop, database, '/PgBackup/.run');
  const ofBackups = backups.map(({ metadata }) => metadata.uid).filter((uid) => runs.includes(uid));
  assert.deepEqual(
    ofBackups,
    backups.slice(2).map(({ metadata }) => metadata.uid),
  );

  const oldestSegment = third.slice('base_'.length);
  const wal = readdirSync(join(shop.environment.storageDir, 'kept', 'wal_005')).map((name) => name.slice(0, 24));
  assert.ok(wal.includes(oldestSegment) && wal.includes(fourth.slice('base_'.length)), wal.join(' '));
  assert.deepEqual(
    wal.filter((segment) => segment < oldestSegment),
    [],
    'WAL that no backup needs is gone too',
  );

  const { metadata, status } = await shop.pgm('kept');
  assert.match(status.conditions.rotation?.message ?? '', new RegExp(`^2 stored, 1 deleted \\(${second}\\); oldest `));
  assert.equal((await told(shop, metadata.uid, 'RotationSucceeded')).type, 'Normal');
  const deleted = consumer
    .about('pg.aidbox.rotation.succeeded.v1', 'pgmanager/shop/kept')
    .flatMap(({ data }) => (data as { deleted: string[] }).deleted);
  assert.deepEqual([...new Set(deleted)], [first, second]);

  for (const n of [3, 4]) {
    await t.test(`kept-${n} restored by its name`, async () => {
      const restore = { block: 'restore-by-name', variables: { BACKUP: backups[n - 1]!.status.backup?.name ?? '' } };
      const rows = await withRestored(shop, database, restore, (sql) => sql('select n from sales order by n'));
      assert.deepEqual(
        rows.map((row) => Number(row['n'])),
        Array.from({ length: n }, (_, at) => at + 1),
      );
    });
  }
});

test('hollow backups do not count (H36)', async () => {
  const database = await shop.database({ name: 'hollow' });
  // One that fails: its storage is away.
  const storage = join(shop.environment.storageDir, 'hollow');
  renameSync(storage, `${storage}-away`);
  await shop.apply(pgBackup('hollow-1', 'hollow'));
  const failed = await shop.finished('hollow-1');
  renameSync(`${storage}-away`, storage);
  assert.equal(failed.status.reason, 'WalgError', failed.status.message);
  await shop.manager({ name: 'hollow', statefulSet: 'hollow', keep: 2 });
  const proven = await take('hollow-2', 'hollow');
  await rotated('hollow', proven);
  await rotated('hollow', await take('hollow-3', 'hollow'));
  const before = await shop.stored(database);
  await pushByHand(database, failed.metadata.uid);
  await pushByHand(database, '00000000-0000-4000-8000-000000000000');

  const rotation = await rotated('hollow', await take('hollow-4', 'hollow'));
  const stored = await shop.stored(database);
  assert.equal(stored.length, 4);
  assert.deepEqual(
    before.filter((name) => !stored.includes(name)),
    [before[0]],
    'only the oldest proven one went',
  );
  assert.match(rotation.message ?? '', /^4 stored, 1 deleted/);
  assert.deepEqual(
    (await backupNames('hollow')).filter((name) => name !== failed.metadata.name),
    ['hollow-3', 'hollow-4'],
  );
});

test('a bucket with foreign backups: nothing is deleted unasked, nor by a dry run; adopted, it is made so (H40)', async (t) => {
  const database = await shop.database({ name: 'foreign' });
  await pushByHand(database);
  await pushByHand(database);
  const foreign = await shop.stored(database);
  await shop.manager({ statefulSet: 'foreign', keep: 1 });
  const { metadata } = await shop.pgm();

  await t.test('unasked', async () => {
    const rotation = await rotated('pg-manager', await take('foreign-1', 'foreign'));
    assert.equal(rotation.status, 'error');
    const today = new Date().toISOString().slice(0, 10);
    assert.equal(
      rotation.message,
      `refused: 2 of 3 stored backups are not ours (oldest ${today}). Set spec.rotation.adopt: true to include them; takes effect after the next successful backup.`,
    );
    const stored = await shop.stored(database);
    assert.deepEqual(stored.slice(0, 2), foreign);
    assert.equal(stored.length, 3);
    assert.deepEqual(await told(shop, metadata.uid, 'RotationRefused'), {
      type: 'Warning',
      reason: 'RotationRefused',
      message: rotation.message,
    });
  });

  await t.test('dry run', async () => {
    await follow(shop, 'adopt');
    await follow(shop, 'dry-run');
    const before = await shop.stored(database);
    const rotation = await rotated('pg-manager', await take('foreign-2', 'foreign'));
    assert.equal(rotation.status, 'dryrun');
    assert.equal(rotation.message, `would delete 3: ${before.join(', ')}`);
    assert.deepEqual((await shop.stored(database)).slice(0, 3), before);
    assert.deepEqual(await backupNames('foreign'), ['foreign-1', 'foreign-2']);
  });

  await t.test('adopted', async () => {
    await follow(shop, 'adopt');
    const backup = await take('foreign-3', 'foreign');
    const rotation = await rotated('pg-manager', backup);
    assert.equal(rotation.status, 'ok', rotation.message);
    assert.deepEqual(await shop.stored(database), [backup.status.backup?.name]);
    assert.deepEqual(await backupNames('foreign'), ['foreign-3']);
  });
});

test('storage that was changed: no PgBackup is pruned, and each that vanished is warned of once (H41)', async () => {
  const database = await shop.database({ name: 'moved' });
  await shop.manager({ name: 'moved', statefulSet: 'moved', keep: 5 });
  const lost = [await take('moved-1', 'moved'), await take('moved-2', 'moved')];
  await rotated('moved', lost.at(-1)!);
  const prefix = join(shop.environment.storageDir, 'moved');
  renameSync(prefix, `${prefix}-before`);
  mkdirSync(prefix);
  if (process.getuid?.() === 0) chownSync(prefix, 65_534, 65_534);
  await patchManager('moved', { spec: { backup: { numberToRetain: 1 } } });

  const rotation = await rotated('moved', await take('moved-3', 'moved'));
  assert.match(rotation.message ?? '', /^1 stored, 0 deleted;/);
  assert.deepEqual(await backupNames('moved'), ['moved-1', 'moved-2', 'moved-3']);
  for (const { metadata } of lost) assert.equal((await told(shop, metadata.uid, 'BackupVanished')).type, 'Warning');

  const next = await take('moved-4', 'moved');
  await rotated('moved', next);
  assert.deepEqual(await shop.stored(database), [next.status.backup?.name]);
  assert.deepEqual(await backupNames('moved'), ['moved-1', 'moved-2', 'moved-4']);
  const { metadata } = await shop.pgm('moved');
  const warnings = (await toldOf(shop, metadata.uid)).filter(({ reason }) => reason === 'BackupVanished');
  assert.equal(warnings.length, 2, 'one for each, however often it is looked');
  assert.equal(readdirSync(join(`${prefix}-before`, 'basebackups_005')).filter((name) => /json$/.test(name)).length, 2);
});

test('two PgManagers with one selector: nothing is deleted, only the slots of the older one run (H42)', async (t) => {
  const database = await shop.database({ name: 'rivals' });
  const at = timeOfDay(10);
  await shop.manager({ name: 'older', statefulSet: 'rivals', keep: 5, at });
  // Age has a resolution of one second.
  await pause(1100);
  await shop.manager({ name: 'younger', statefulSet: 'rivals', keep: 1, at });

  await t.test('slots', async () => {
    const [backup] = await eventually('PgBackup of the slot', async () => {
      const found = await backupNames('rivals');
      return found.length > 0 ? found : undefined;
    });
    assert.match(backup ?? '', /^older-backup-at-/);
    await shop.finished(backup ?? '');
    const missed = await eventually('missed slot', async () => (await shop.pgm('younger')).status.schedule?.missed);
    assert.deepEqual([missed.count, missed.last[0]?.reason], [1, 'ScheduleConflict']);
    const { metadata, status } = await shop.pgm('younger');
    const event = await told(shop, metadata.uid, 'ScheduleConflict');
    assert.equal(event.type, 'Warning');
    assert.equal(event.message, status.schedule?.message);
    assert.match(event.message, /^1 slot missed: an older PgManager has the same selector "rivals"/);
  });

  await t.test('rotation', async () => {
    const backup = await take('rivals-1', 'rivals');
    for (const name of ['older', 'younger']) {
      const rotation = await rotated(name, backup);
      assert.equal(rotation.status, 'error');
      assert.match(
        rotation.message ?? '',
        /^refused: ScheduleConflict: 2 PgManagers .* \(older, younger\)\. Delete all/,
      );
    }
    assert.equal((await shop.stored(database)).length, 2);
    assert.equal((await backupNames('rivals')).length, 2);
  });

  await t.test('one of them deleted', async () => {
    await shop.kubectl('delete', 'pgm', '-n', shop.namespace, 'younger');
    const rotation = await rotated('older', await take('rivals-2', 'rivals'));
    assert.equal(rotation.status, 'ok', rotation.message);
    assert.equal((await shop.stored(database)).length, 3);
  });
});

test('storage that does not let wal-g delete: an error, counted, and mended by the sweep once it does (H46, H47)', async (t) => {
  const database = await shop.database({ name: 'locked' });
  await shop.manager({ name: 'locked', statefulSet: 'locked', keep: 1 });
  const first = await take('locked-1', 'locked');
  await rotated('locked', first);
  rotationIsDeaf = true;
  const second = await take('locked-2', 'locked');
  const both = await shop.stored(database);
  const { metadata } = await shop.pgm('locked');
  const prefix = join(shop.environment.storageDir, 'locked');

  await t.test('first attempt, although every event until then was lost', async () => {
    setWritable(prefix, false);
    rotationIsDeaf = false;
    await sweep(shop);
    const rotation = await ended('locked', `${second.metadata.uid}-1`);
    assert.equal(rotation.status, 'error');
    assert.match(
      rotation.message ?? '',
      /^failed: wal-g .*denied.* Attempt 1 of 10; it is tried again within half an hour/,
    );
    assert.equal(rotation.attempt, 1);
    assert.equal(rotation.servedBackup, first.metadata.uid);
    assert.equal((await told(shop, metadata.uid, 'RotationFailed')).type, 'Warning');
    assert.deepEqual(await shop.stored(database), both);
    assert.deepEqual(await backupNames('locked'), ['locked-1', 'locked-2']);
  });

  await t.test('it is left alone for a while: no timer, and a sweep starts nothing', async () => {
    await eventually('no rotation timer', async () => {
      const text = await shop.kubectl('get', 'pingsources', '-n', shop.namespace, '-o', 'name');
      return text.includes(`aidboxops-rotation-${metadata.uid}`) ? undefined : true;
    });
    const from = shop.observations.length;
    await sweep(shop);
    await eventually('the look that the sweep asks for', () =>
      shop.observations
        .slice(from)
        .find((one) => one.kind === 'delivery' && one.trigger === 'aidboxops/rotation-look' && one.status === 204),
    );
    assert.equal((await shop.pgm('locked')).status.conditions.rotation?.attempt, 1);
  });

  await t.test('second attempt', async () => {
    await letTimePass('locked');
    await sweep(shop);
    const rotation = await ended('locked', `${second.metadata.uid}-2`);
    assert.equal(rotation.status, 'error');
    assert.match(rotation.message ?? '', /Attempt 2 of 10/);
  });

  await t.test('storage is mended', async () => {
    setWritable(prefix, true);
    await letTimePass('locked');
    await sweep(shop);
    const rotation = await rotated('locked', second);
    assert.equal(rotation.status, 'ok', rotation.message);
    assert.equal(rotation.attempt, 3);
    assert.deepEqual(await shop.stored(database), [second.status.backup?.name]);
    assert.deepEqual(await backupNames('locked'), ['locked-2']);
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

function pgBackup(name: string, statefulSet: string): object {
  return {
    apiVersion: 'aidbox.pg/v01',
    kind: 'PgBackup',
    metadata: { name, namespace: shop.namespace },
    spec: { selector: { name: statefulSet } },
  };
}

/** A person's PgBackup, to its successful end. */
async function take(name: string, statefulSet: string): Promise<PgBackup> {
  await shop.backup(name, statefulSet);
  const backup = await shop.finished(name);
  assert.equal(backup.status.state, 'success', backup.status.message);
  return backup;
}

/** The rotation that serves this backup, settled and told. */
function rotated(manager: string, { metadata }: PgBackup): Promise<RotationCondition> {
  return eventually(`rotation of ${manager} after ${metadata.name}`, async () => {
    const { rotation } = (await shop.pgm(manager)).status.conditions;
    return rotation?.servedBackup === metadata.uid && rotation.outbox === undefined ? rotation : undefined;
  });
}

/** The run of this id, ended and told. */
function ended(manager: string, id: string): Promise<RotationCondition> {
  return eventually(`end of rotation ${id}`, async () => {
    const { rotation } = (await shop.pgm(manager)).status.conditions;
    return rotation?.log?.[0]?.id === id && rotation.outbox === undefined ? rotation : undefined;
  });
}

/** As if the last run had ended a quarter of an hour earlier. */
async function letTimePass(manager: string): Promise<void> {
  const value = new Date(Date.now() - 900_000).toISOString().replace(/\.\d+/, '');
  const patch = [{ op: 'replace', path: '/status/conditions/rotation/log/0/finishTime', value }];
  await shop.kubectl(
    ...['patch', 'pgm', '-n', shop.namespace, manager, '--subresource=status', '--type=json'],
    ...['--field-manager=aidboxops-rotation', '-p', JSON.stringify(patch)],
  );
}

async function patchManager(manager: string, patch: object): Promise<void> {
  await shop.kubectl('patch', 'pgm', '-n', shop.namespace, manager, '--type=merge', '-p', JSON.stringify(patch));
}

/** PgBackups of a StatefulSet, by name. */
async function backupNames(statefulSet: string): Promise<string[]> {
  const backups = await shop.pgbs();
  return backups
    .filter(({ spec }) => spec.selector.name === statefulSet)
    .map(({ metadata }) => metadata.name)
    .sort();
}

/** What a CronJob did before there was a manager; with a UID, what a run of ours leaves that was never proved. */
async function pushByHand(database: Database, uid?: string): Promise<void> {
  const owner = { uid, namespace: shop.namespace, statefulSet: database.pod.replace(/-0$/, '') };
  const userData = uid === undefined ? {} : { WALG_SENTINEL_USER_DATA: JSON.stringify({ aidboxops: owner }) };
  await runAsOwner(database, 'wal-g backup-push "$PGDATA"', userData);
}

/** Takes from everybody, or gives back, the right to make and remove what is in these directories. */
function setWritable(directory: string, writable: boolean): void {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (entry.isDirectory()) setWritable(join(directory, entry.name), writable);
  }
  chmodSync(directory, writable ? 0o755 : 0o555);
}
