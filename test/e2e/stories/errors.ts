/** Each kind of error, provoked for real: said in words, as a Warning and as an event, and how things go on afterwards. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { PgBackup } from '../../../functions/domain/resources/pg-backup.ts';
import type { PgManager } from '../../../functions/domain/resources/pg-manager.ts';
import type { RunProcess, TestDatabase } from '../../support/database.ts';
import { mayDo } from '../../support/objects.ts';
import type { SeenEvent } from '../../support/outside.ts';
import type { OpenCluster, TestCluster } from '../../support/test-cluster.ts';
import { assertFailed, assertSucceeds, slow, takeBackup, untilRunning, type Failure } from './backups.ts';

/** Registers the story. */
export function errors(open: OpenCluster): void {
  describe('errors', () => {
    let cluster: TestCluster;
    let announced: () => Promise<readonly SeenEvent[]>;
    before(async () => {
      cluster = await open('errors');
      announced = await cluster.subscribe();
    });
    after(() => (cluster as TestCluster | undefined)?.close());

    const fails = (name: string, failure: Omit<Failure, 'announced'>): Promise<PgBackup> =>
      assertFailed(cluster, name, { ...failure, announced });
    const succeeds = (name: string, statefulSet: string): Promise<PgBackup> => takeBackup(cluster, name, statefulSet);
    const started = async (name: string, statefulSet: string): Promise<PgBackup> => {
      await cluster.backup(name, statefulSet);
      return untilRunning(cluster, name);
    };

    describe('no access to the pod', () => {
      before(() => cluster.database());

      test('a StatefulSet that is not there: the message names it and those that are', async () => {
        await cluster.backup('wrong-name', 'postgress');
        await fails('wrong-name', {
          reason: 'NoPodAccess',
          message: /^NoPodAccess: namespace errors has no StatefulSet "postgress" \(it has: postgres\)\. /,
        });
      });

      test('a container of another name: the message names the one that is there', async () => {
        await cluster.database({ name: 'renamed', container: 'postgresql' });
        await cluster.backup('wrong-container', 'renamed');
        await fails('wrong-container', {
          reason: 'NoPodAccess',
          message:
            /^NoPodAccess: pod renamed-0 has no container "postgres" \(it has: postgresql\)\. Rename the container\.$/,
        });
      });

      test('a verb that was taken away: the message names account, verb and resource; given back, it works', async () => {
        const role = 'aidboxops-backup';
        const text = await cluster.kubectl('get', 'clusterrole', role, '-o', 'json');
        const { rules } = JSON.parse(text) as { rules: readonly { readonly resources: readonly string[] }[] };
        const withoutExec = rules.filter(({ resources }) => !resources.includes('pods/exec'));
        await setRules(cluster, role, withoutExec);
        await untilExecIs(cluster, 'refused');
        await cluster.backup('no-exec');
        await fails('no-exec', {
          reason: 'NoPodAccess',
          message: /^NoPodAccess: ServiceAccount aidboxops\/backup may not "get" pods\/exec in namespace errors\. /,
        });
        await setRules(cluster, role, rules);
        await untilExecIs(cluster, 'allowed');
        await succeeds('exec-again', 'postgres');
      });

      test('a directory that cannot be made: the message names user, directory and pod', async () => {
        await cluster.manager({ backup: { directory: '/proc/PgBackup' } });
        await cluster.backup('no-directory');
        await fails('no-directory', {
          reason: 'NoPodAccess',
          message:
            /^NoPodAccess: uid \d+ cannot create \/proc\/PgBackup in postgres-0\. Mount a volume there or set spec\.backup\.directory\.$/,
        });
        const { conditions } = (await cluster.pgm()).status;
        assert.equal(conditions.backup?.status, 'error');
        assert.match(conditions.backup?.message ?? '', /NoPodAccess/);
      });
    });

    // Each of these waits most of the time, and has a database of its own.
    describe('failures during a backup', { concurrency: true }, () => {
      test('one at a time', async () => {
        const database = await cluster.database({ name: 'slow', env: slow });
        const holder = await started('holder', 'slow');
        await untilWalg(cluster, database, holder.metadata.uid);
        const processes = await database.processesOf(holder.metadata.uid);
        await cluster.backup('second', 'slow');
        await fails('second', {
          reason: 'AlreadyRunning',
          message:
            /^AlreadyRunning: PgBackup holder has been backing up StatefulSet slow since \d\d:\d\d:\d\dZ\. Nothing was started\. /,
        });
        assert.deepEqual(await database.processesOf(holder.metadata.uid), processes, 'the running one is undisturbed');
        const ended = await assertSucceeds(cluster, 'holder', 120);
        assert.deepEqual(await database.stored(), [ended.status.backup?.name]);
      });

      test('one that is deleted stops, and the next backup works', async () => {
        const database = await cluster.database({ name: 'unwanted', env: slow });
        const { metadata } = await started('unwanted', 'unwanted');
        assert.ok((await database.processesOf(metadata.uid)).length > 0);
        await cluster.kubectl('delete', 'pgb', '-n', cluster.namespace, 'unwanted');
        await cluster.eventually(
          'end of all processes of the deleted run',
          async () => (await database.processesOf(metadata.uid)).length === 0,
        );
        const next = await succeeds('after-unwanted', 'unwanted');
        assert.deepEqual(await database.stored(), [next.status.backup?.name]);
      });

      test('wal-g killed: WalgError, nothing stored', async () => {
        const database = await cluster.database({ name: 'killed', env: slow });
        const { metadata } = await started('killed', 'killed');
        const { pid } = await untilWalg(cluster, database, metadata.uid);
        await database.sh(`kill -KILL ${pid}`);
        await fails('killed', {
          reason: 'WalgError',
          message: /^WalgError: .*Nothing counts as stored\. Full log: kubectl exec -n errors killed-0 /,
        });
        assert.deepEqual(await database.stored(), []);
      });

      test('PostgreSQL restarted: InitializationError within a minute, and the next backup works', async () => {
        const database = await cluster.database({ name: 'restarted', env: slow });
        const { metadata } = await started('interrupted', 'restarted');
        await database.sh('kill -INT "$(head -n 1 "$PGDATA/postmaster.pid")"');
        await fails('interrupted', {
          reason: 'InitializationError',
          message:
            /^InitializationError: PostgreSQL in restarted-0 restarted during the backup \(.*\)\. wal-g was stopped; nothing counts as stored\. /,
          seconds: 60,
        });
        await untilReady(cluster, 'restarted-0');
        assert.deepEqual(await database.processesOf(metadata.uid), []);
        const next = await succeeds('after-restart', 'restarted');
        assert.deepEqual(await database.stored(), [next.status.backup?.name]);
      });

      test('the pod deleted: InitializationError, and the next backup works', async () => {
        const database = await cluster.database({ name: 'deleted', env: slow });
        await started('homeless', 'deleted');
        await cluster.kubectl('delete', 'pod', '-n', cluster.namespace, 'deleted-0');
        await fails('homeless', { reason: 'InitializationError', message: /^InitializationError: /, seconds: 120 });
        await untilReady(cluster, 'deleted-0');
        const { status } = await succeeds('after-deletion', 'deleted');
        assert.ok((await database.stored()).includes(status.backup?.name ?? ''));
      });

      test('storage gone: WalgError and unavailable; back again, all recovers by itself', async () => {
        const database = await cluster.database({ name: 'stored' });
        await cluster.manager({ name: 'stored', statefulSet: 'stored' });
        await untilAvailableAtFirst(cluster);
        await succeeds('before-loss', 'stored');

        await database.sh('mv "$WALG_FILE_PREFIX" "$WALG_FILE_PREFIX.gone"');
        await cluster.backup('during-loss', 'stored');
        await fails('during-loss', {
          reason: 'WalgError',
          message: /^WalgError: wal-g ended with exit code \d+: ".*". Nothing counts as stored\. /,
        });
        await cluster.tick('probe');
        const once = await untilStorage(cluster, ({ failures = 0 }) => failures > 0);
        // A probe of the schedule may come between: then there are two already.
        assert.equal(once.state, once.failures === 1 ? 'available' : 'unavailable');
        await cluster.tick('probe');
        const { message } = await untilStorage(cluster, ({ state }) => state === 'unavailable');
        assert.match(message ?? '', /^unavailable since \d\d:\d\dZ: read check: "/);
        const { uid } = (await cluster.pgm('stored')).metadata;
        await cluster.eventually('Warning StorageUnavailable', async () =>
          (await cluster.events(uid)).includes('Warning StorageUnavailable'),
        );

        await database.sh('mv "$WALG_FILE_PREFIX.gone" "$WALG_FILE_PREFIX"');
        await cluster.tick('probe');
        await untilStorage(cluster, isAvailable);
        const before = await database.stored();
        const { status } = await succeeds('after-loss', 'stored');
        assert.deepEqual(await database.stored(), [...before, status.backup?.name]);
        assert.equal((await cluster.pgm('stored')).status.conditions.backup?.status, 'ok');
      });

      test('archive_command=false: never a success', async () => {
        const database = await cluster.database({ name: 'unarchived', archiveCommand: 'false' });
        await cluster.manager({ name: 'unarchived', statefulSet: 'unarchived', backup: { timeoutSeconds: 10 } });
        await cluster.backup('hollow', 'unarchived');
        const { metadata } = await fails('hollow', {
          reason: 'WalgError',
          message:
            /^WalgError: stopped after 10s \(spec\.backup\.timeoutSeconds\) at ".*"\. Nothing counts as stored\. /,
          seconds: 120,
        });
        assert.deepEqual(await database.processesOf(metadata.uid), []);
        assert.deepEqual(await database.stored(), []);
        const { conditions } = (await cluster.pgm('unarchived')).status;
        assert.equal(conditions.backup?.status, 'error');
        assert.equal(conditions.backup?.lastSuccess, undefined);
      });

      test('a pod that is not ready: pending with the reason, and it goes on when it is', async () => {
        const password = { valueFrom: { secretKeyRef: { name: 'late', key: 'password' } } };
        await cluster.statefulSet({ name: 'late', env: { PGPASSWORD: password } });
        await cluster.backup('early', 'late');
        const { status } = await cluster.eventually('pending', async () => {
          const backup = await cluster.pgb('early');
          return backup?.status.message?.includes('secret') === true ? backup : undefined;
        });
        assert.equal(status.state, 'pending');
        assert.equal(status.reason, 'PodNotReady');
        assert.match(
          status.message ?? '',
          /^waiting for pod late-0 to be ready \(Pending: .*secret "late".*\), until \d\d:\d\d:\d\dZ$/,
        );
        const secret = ['generic', '-n', cluster.namespace, 'late', '--from-literal=password=secret'];
        await cluster.kubectl('create', 'secret', ...secret);
        const { metadata } = await assertSucceeds(cluster, 'early', 120);
        assert.deepEqual(await cluster.events(metadata.uid), ['Normal BackupStarted', 'Normal BackupSucceeded']);
      });
    });
  });
}

/** A run is started before its shell has become wal-g. */
async function untilWalg({ eventually }: TestCluster, database: TestDatabase, uid: string): Promise<RunProcess> {
  return eventually(`wal-g of run ${uid}`, async () =>
    (await database.processesOf(uid)).find(({ name }) => name === 'wal-g'),
  );
}

type Storage = NonNullable<PgManager['status']['conditions']['storage']>;

function isAvailable({ state, failures }: Storage): boolean {
  return state === 'available' && failures === 0;
}

async function untilStorage(cluster: TestCluster, isTrue: (storage: Storage) => boolean): Promise<Storage> {
  return cluster.eventually(`storage ${isTrue.toString()}`, async () => {
    const { storage } = (await cluster.pgm('stored')).status.conditions;
    return storage !== undefined && isTrue(storage) ? storage : undefined;
  });
}

/** Beside the other databases a first probe may take too long: the next one takes back what it said. */
async function untilAvailableAtFirst(cluster: TestCluster): Promise<void> {
  const first = await untilStorage(cluster, () => true);
  if (!isAvailable(first)) await cluster.tick('probe');
  await untilStorage(cluster, isAvailable);
}

async function untilReady({ eventually, kubectl, namespace }: TestCluster, pod: string): Promise<void> {
  await eventually(`${pod} is ready again`, async () => {
    await kubectl('wait', '-n', namespace, `pod/${pod}`, '--for=condition=Ready', '--timeout=10s');
    return true;
  });
}

async function setRules(cluster: TestCluster, role: string, rules: readonly object[]): Promise<void> {
  await cluster.kubectl('patch', 'clusterrole', role, '--type=merge', '-p', JSON.stringify({ rules }));
}

/** The API server takes a changed role up a moment later. */
async function untilExecIs(cluster: TestCluster, wanted: 'allowed' | 'refused'): Promise<void> {
  await cluster.eventually(`exec ${wanted}`, async () => {
    const ask = ['get', 'pods', '--subresource=exec', '-n', cluster.namespace];
    const answer = await mayDo(cluster, 'system:serviceaccount:aidboxops:backup', ...ask);
    return (answer === 'yes') === (wanted === 'allowed');
  });
}
