/** What goes wrong on real parts: each kind of error, said in words and as a Warning, and how things go on afterwards. */
import assert from 'node:assert/strict';
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { PgBackup } from '../../functions/domain/resources/pg-backup.ts';
import { eventually } from '../support/eventually.ts';
import { openShop, processesOfRun, type Shop } from '../support/shop.ts';

/** A new database has about 25 MB: at this rate its backup takes longer than anything that a test does meanwhile. */
const slow = [{ name: 'WALG_DISK_RATE_LIMIT', value: String(1024 * 1024) }];

let shop: Shop;

before(async () => {
  shop = await openShop('errors');
});

after(() => shop?.close());

/** Ended with this kind of error: said in status and message, as a Warning, and to whoever listens for events. */
async function assertFailed(name: string, kind: string, message: RegExp, seconds?: number): Promise<PgBackup> {
  const backup = await shop.finished(name, seconds);
  const { state, reason, message: said = '' } = backup.status;
  assert.deepEqual({ state, reason }, { state: 'error', reason: kind }, said);
  assert.match(said, message);
  const { uid } = backup.metadata;
  assert.ok((await shop.events(uid)).includes(`Warning ${kind}`), `a Warning ${kind} on ${name}`);
  const announced = shop.observations.some((one) => one.kind === 'event' && one.event.id === `${uid}/failed`);
  assert.ok(announced, `event ${uid}/failed`);
  return backup;
}

async function assertSucceeds(name: string, statefulSet: string): Promise<PgBackup> {
  await shop.backup(name, statefulSet);
  const backup = await shop.finished(name, 90);
  assert.equal(backup.status.state, 'success', backup.status.message);
  return backup;
}

/** The PgBackup once the pod has confirmed that wal-g runs, and the pid of that wal-g. */
async function startedRun(name: string): Promise<{ backup: PgBackup; pid: number }> {
  return eventually(`wal-g of ${name}`, async () => {
    const backup = await shop.pgb(name);
    if (backup?.status.state !== 'running' || backup.status.startTime === undefined) return undefined;
    const walg = processesOfRun(backup.metadata.uid).find((process) => process.name === 'wal-g');
    return walg === undefined ? undefined : { backup, pid: walg.pid };
  });
}

describe('no access to the pod', () => {
  before(() => shop.database());

  test('a StatefulSet that is not there: the message names it and those that are', async () => {
    await shop.backup('wrong-name', 'postgress');
    await assertFailed(
      'wrong-name',
      'NoPodAccess',
      /^NoPodAccess: namespace shop has no StatefulSet "postgress" \(it has: postgres\)\. /,
    );
  });

  test('a container of another name: the message names the one that is there', async () => {
    await shop.database({ name: 'renamed', container: 'postgresql' });
    await shop.backup('wrong-container', 'renamed');
    await assertFailed(
      'wrong-container',
      'NoPodAccess',
      /^NoPodAccess: pod renamed-0 has no container "postgres" \(it has: postgresql\)\. Rename the container\.$/,
    );
  });

  test('a verb that was taken away: the message names account, verb and resource; given back, it works', async () => {
    const role = 'aidboxops-backup';
    const { rules } = JSON.parse(await shop.kubectl('get', 'clusterrole', role, '-o', 'json')) as {
      rules: { resources: string[] }[];
    };
    await setRules(
      role,
      rules.filter(({ resources }) => !resources.includes('pods/exec')),
    );
    await untilExecIs('refused');
    await shop.backup('no-exec');
    await assertFailed(
      'no-exec',
      'NoPodAccess',
      /^NoPodAccess: ServiceAccount aidboxops\/backup may not "get" pods\/exec in namespace shop\. /,
    );
    await setRules(role, rules);
    await untilExecIs('allowed');
    await assertSucceeds('exec-again', 'postgres');
  });

  test('a directory that cannot be made: the message names user, directory and pod', async () => {
    await shop.manager({ backup: { directory: '/proc/PgBackup' } });
    await shop.backup('no-directory');
    await assertFailed(
      'no-directory',
      'NoPodAccess',
      /^NoPodAccess: uid \d+ cannot create \/proc\/PgBackup in postgres-0\. Mount a volume there or set spec\.backup\.directory\.$/,
    );
    const { conditions } = (await shop.pgm()).status;
    assert.equal(conditions.backup?.status, 'error');
    assert.match(conditions.backup?.message ?? '', /NoPodAccess/);
  });
});

async function setRules(role: string, rules: object[]): Promise<void> {
  await shop.kubectl('patch', 'clusterrole', role, '--type=merge', '-p', JSON.stringify({ rules }));
}

/** The API server takes a changed role up a moment later. */
async function untilExecIs(wanted: 'allowed' | 'refused'): Promise<void> {
  await eventually(`exec ${wanted}`, async () => {
    const account = 'system:serviceaccount:aidboxops:backup';
    const answer = await shop
      .kubectl('auth', 'can-i', 'get', 'pods', '--subresource=exec', '-n', shop.namespace, '--as', account)
      .catch(() => 'no');
    return (answer.trim() === 'yes') === (wanted === 'allowed') ? true : undefined;
  });
}

// Each of these waits for something most of the time, and has a database of its own.
describe('failures during a backup', { concurrency: true }, () => {
  test('one at a time, and one that is deleted stops', async () => {
    const database = await shop.database({ name: 'slow', env: slow });

    await shop.backup('holder', 'slow');
    const holder = await startedRun('holder');
    await shop.backup('second', 'slow');
    await assertFailed(
      'second',
      'AlreadyRunning',
      /^AlreadyRunning: PgBackup holder has been backing up StatefulSet slow since \d\d:\d\d:\d\dZ\. Nothing was started\. /,
    );
    assert.equal((await startedRun('holder')).pid, holder.pid, 'the running one is undisturbed');
    const ended = await shop.finished('holder', 120);
    assert.equal(ended.status.state, 'success', ended.status.message);
    assert.deepEqual(await shop.stored(database), [ended.status.backup?.name]);

    await shop.backup('unwanted', 'slow');
    const unwanted = await startedRun('unwanted');
    await shop.kubectl('delete', 'pgb', '-n', shop.namespace, 'unwanted');
    const { uid } = unwanted.backup.metadata;
    await eventually('end of all processes of the deleted run', () =>
      processesOfRun(uid).length === 0 ? true : undefined,
    );
    const next = await (await shop.backup('after-unwanted', 'slow'), shop.finished('after-unwanted', 120));
    assert.equal(next.status.state, 'success', next.status.message);
    assert.deepEqual(await shop.stored(database), [ended.status.backup?.name, next.status.backup?.name]);
  });

  test('PostgreSQL restarted: InitializationError within a minute, and the next backup works', async () => {
    const database = await shop.database({ name: 'restarted', env: slow });
    await shop.backup('interrupted', 'restarted');
    const { backup } = await startedRun('interrupted');
    const begin = performance.now();
    process.kill(database.pid, 'SIGINT');
    await assertFailed(
      'interrupted',
      'InitializationError',
      /^InitializationError: PostgreSQL in restarted-0 restarted during the backup \(.*\)\. wal-g was stopped; nothing counts as stored\. /,
      60,
    );
    assert.ok(performance.now() - begin <= 60_000, 'within a minute of the restart');
    assert.deepEqual(processesOfRun(backup.metadata.uid), []);
    const next = await (await shop.backup('after-restart', 'restarted'), shop.finished('after-restart', 120));
    assert.equal(next.status.state, 'success', next.status.message);
    assert.deepEqual(await shop.stored(shop.running('restarted-0')), [next.status.backup?.name]);
  });

  test('storage gone: WalgError and unavailable; back again, all recovers by itself', async () => {
    const database = await shop.database({ name: 'stored' });
    await shop.manager({ name: 'stored', statefulSet: 'stored' });
    await untilStorage('available', 0);
    await assertSucceeds('before-loss', 'stored');

    const place = join(shop.environment.storageDir, 'stored');
    renameSync(place, `${place}.gone`);
    await shop.backup('during-loss', 'stored');
    await assertFailed(
      'during-loss',
      'WalgError',
      /^WalgError: wal-g ended with exit code \d+: ".*". Nothing counts as stored\. /,
    );
    await shop.tick('probe');
    await untilStorage('available', 1);
    await shop.tick('probe');
    await untilStorage('unavailable', 2);
    const { metadata, status } = await shop.pgm('stored');
    assert.match(status.conditions.storage?.message ?? '', /^unavailable since \d\d:\d\dZ: read check: "/);
    await eventually('Warning StorageUnavailable', async () =>
      (await shop.events(metadata.uid)).includes('Warning StorageUnavailable') ? true : undefined,
    );

    renameSync(`${place}.gone`, place);
    await shop.tick('probe');
    await untilStorage('available', 0);
    const { length } = await shop.stored(database);
    await assertSucceeds('after-loss', 'stored');
    assert.equal((await shop.stored(database)).length, length + 1);
    assert.equal((await shop.pgm('stored')).status.conditions.backup?.status, 'ok');
  });

  test('archive_command=false: never a success', async () => {
    const database = await shop.database({ name: 'unarchived', archiveCommand: 'false' });
    await shop.manager({ name: 'unarchived', statefulSet: 'unarchived', backup: { timeoutSeconds: 10 } });
    await shop.backup('hollow', 'unarchived');
    const backup = await assertFailed(
      'hollow',
      'WalgError',
      /^WalgError: stopped after 10s \(spec\.backup\.timeoutSeconds\) at ".*"\. Nothing counts as stored\. /,
      120,
    );
    assert.deepEqual(processesOfRun(backup.metadata.uid), []);
    assert.deepEqual(await shop.stored(database), []);
    const { conditions } = (await shop.pgm('unarchived')).status;
    assert.equal(conditions.backup?.status, 'error');
    assert.equal(conditions.backup?.lastSuccess, undefined);
  });

  test('a pod that is not ready: pending with the reason, and it goes on when it is', async () => {
    const password = { name: 'PGPASSWORD', valueFrom: { secretKeyRef: { name: 'late', key: 'password' } } };
    await shop.statefulSet({ name: 'late', env: [password] });
    await shop.backup('early', 'late');
    const pending = await eventually('pending', async () => {
      const backup = await shop.pgb('early');
      return backup?.status.message?.includes('secret') === true ? backup : undefined;
    });
    assert.equal(pending.status.state, 'pending');
    assert.equal(pending.status.reason, 'PodNotReady');
    assert.match(
      pending.status.message ?? '',
      /^waiting for pod late-0 to be ready \(Pending: .*secret "late".*\), until \d\d:\d\d:\d\dZ$/,
    );
    await shop.kubectl('create', 'secret', 'generic', '-n', shop.namespace, 'late', '--from-literal=password=secret');
    const backup = await shop.finished('early', 120);
    assert.equal(backup.status.state, 'success', backup.status.message);
    assert.deepEqual(await shop.events(backup.metadata.uid), ['Normal BackupStarted', 'Normal BackupSucceeded']);
  });
});

async function untilStorage(state: string, failures: number): Promise<void> {
  await eventually(`storage ${state} after ${failures} failures`, async () => {
    const { storage } = (await shop.pgm('stored')).status.conditions;
    return storage?.state === state && storage.failures === failures ? true : undefined;
  });
}
