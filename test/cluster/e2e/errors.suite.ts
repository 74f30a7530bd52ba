/** Each kind of error, provoked for real: said in words and as a Warning, and how things go on afterwards. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { PgBackup } from '../../../functions/domain/resources/pg-backup.ts';
import { eventually } from '../../support/eventually.ts';
import { databaseIn, startDatabase } from './database.ts';
import { tick } from './events.ts';
import { kubectl, openNamespace, target, type Shop } from './target.ts';

/** A new database has about 25 MB: at this rate its backup takes longer than anything that a test does meanwhile. */
const slow = { WALG_DISK_RATE_LIMIT: String(1024 * 1024) };

describe('errors', () => {
  let shop: Shop;
  before(async () => {
    shop = await openNamespace('errors');
  });
  after(() => shop.close());

  async function assertFailed(name: string, kind: string, message: RegExp, seconds = 120): Promise<PgBackup> {
    const backup = await shop.finished(name, seconds);
    const { state, reason, message: said = '' } = backup.status;
    assert.deepEqual({ state, reason }, { state: 'error', reason: kind }, said);
    assert.match(said, message);
    assert.ok((await shop.events(backup.metadata.uid)).includes(`Warning ${kind}`), `a Warning ${kind} on ${name}`);
    return backup;
  }

  async function assertSucceeds(name: string, statefulSet: string): Promise<PgBackup> {
    await shop.backup(name, statefulSet);
    const backup = await shop.finished(name, 180);
    assert.equal(backup.status.state, 'success', backup.status.message);
    return backup;
  }

  /** The PgBackup once the pod has confirmed that wal-g runs. */
  async function started(name: string, statefulSet: string): Promise<PgBackup> {
    await shop.backup(name, statefulSet);
    return eventually(`start of ${name}`, async () => {
      const backup = await shop.pgb(name);
      return backup?.status.state === 'running' && backup.status.startTime !== undefined ? backup : undefined;
    });
  }

  describe('no access to the pod', () => {
    before(() => startDatabase(shop));

    test('a StatefulSet that is not there: the message names it and those that are', async () => {
      await shop.backup('wrong-name', 'postgress');
      await assertFailed('wrong-name', 'NoPodAccess', /has no StatefulSet "postgress" \(it has: postgres\)\. /);
    });

    test('a container of another name: the message names the one that is there', async () => {
      await startDatabase(shop, { name: 'renamed', container: 'postgresql' });
      await shop.backup('wrong-container', 'renamed');
      const said =
        /^NoPodAccess: pod renamed-0 has no container "postgres" \(it has: postgresql\)\. Rename the container\.$/;
      await assertFailed('wrong-container', 'NoPodAccess', said);
    });

    test('a verb that was taken away: the message names account, verb and resource; given back, it works', async () => {
      const role = 'aidboxops-backup';
      const { rules } = JSON.parse(await kubectl('get', 'clusterrole', role, '-o', 'json')) as { rules: Rule[] };
      await setRules(
        role,
        rules.filter(({ resources }) => !resources.includes('pods/exec')),
      );
      await untilExecIs('refused', shop.namespace);
      await shop.backup('no-exec');
      await assertFailed(
        'no-exec',
        'NoPodAccess',
        /^NoPodAccess: ServiceAccount aidboxops\/backup may not "get" pods\/exec in namespace errors\. /,
      );
      await setRules(role, rules);
      await untilExecIs('allowed', shop.namespace);
      await assertSucceeds('exec-again', 'postgres');
    });

    test('an exec user that is not root has its own directory only: the message says so; with it, it works', async () => {
      const image = target.postgresNonRootImage;
      const database = await startDatabase(shop, { name: 'nonroot', image });
      await shop.manager({ name: 'nonroot', statefulSet: 'nonroot', backup: { directory: '/root/PgBackup' } });
      await shop.backup('no-directory', 'nonroot');
      const said = /^NoPodAccess: uid 999 cannot create \/root\/PgBackup in nonroot-0\. Mount a volume there /;
      await assertFailed('no-directory', 'NoPodAccess', said);
      await kubectl('delete', 'pgm', '-n', shop.namespace, 'nonroot');
      const { status } = await assertSucceeds('own-directory', 'nonroot');
      assert.deepEqual(await database.stored(), [status.backup?.name]);
    });
  });

  // Each of these waits most of the time, and has a database of its own.
  describe('failures during a backup', { concurrency: true }, () => {
    test('two at once: the second says which one runs, and the first is undisturbed', async () => {
      const database = await startDatabase(shop, { name: 'held', env: slow });
      await started('holder', 'held');
      await shop.backup('second', 'held');
      const said = /^AlreadyRunning: PgBackup holder has been backing up StatefulSet held since \d\d:\d\d:\d\dZ\. /;
      await assertFailed('second', 'AlreadyRunning', said);
      const first = await shop.finished('holder', 240);
      assert.equal(first.status.state, 'success', first.status.message);
      assert.deepEqual(await database.stored(), [first.status.backup?.name]);
    });

    test('wal-g killed: WalgError, nothing stored', async () => {
      const database = await startDatabase(shop, { name: 'killed', env: slow });
      await started('killed', 'killed');
      await database.sh(signalWalg('KILL'));
      await assertFailed(
        'killed',
        'WalgError',
        /^WalgError: .*Nothing counts as stored\. Full log: kubectl exec -n errors killed-0 /,
      );
      assert.deepEqual(await database.stored(), []);
    });

    test('deleted: wal-g is stopped', async () => {
      const database = await startDatabase(shop, { name: 'unwanted', env: slow });
      await started('unwanted', 'unwanted');
      await kubectl('delete', 'pgb', '-n', shop.namespace, 'unwanted');
      await eventually(
        'end of wal-g',
        async () => ((await database.sh(countWalg)).trim() === '0' ? true : undefined),
        120,
      );
    });

    test('PostgreSQL restarted: InitializationError, and the next backup works', async () => {
      const database = await startDatabase(shop, { name: 'restarted', env: slow });
      await started('interrupted', 'restarted');
      await database.sh('kill -INT 1');
      await assertFailed(
        'interrupted',
        'InitializationError',
        /^InitializationError: PostgreSQL in restarted-0 restarted during the backup /,
      );
      await untilReady('restarted-0');
      const { status } = await assertSucceeds('after-restart', 'restarted');
      assert.deepEqual(await database.stored(), [status.backup?.name]);
    });

    test('the pod deleted: InitializationError, and the next backup works', async () => {
      await startDatabase(shop, { name: 'deleted', env: slow });
      await started('homeless', 'deleted');
      await kubectl('delete', 'pod', '-n', shop.namespace, 'deleted-0');
      await assertFailed('homeless', 'InitializationError', /^InitializationError: /, 240);
      await untilReady('deleted-0');
      const { status } = await assertSucceeds('after-deletion', 'deleted');
      assert.ok((await databaseIn(shop, 'deleted-0').stored()).includes(status.backup?.name ?? ''));
    });

    test('storage gone: WalgError and unavailable; back again, all recovers by itself', async () => {
      const database = await startDatabase(shop, { name: 'stored' });
      await shop.manager({ name: 'stored', statefulSet: 'stored' });
      await untilFirstLook();
      await untilStorage('available');
      await assertSucceeds('before-loss', 'stored');
      await database.sh('mv "$WALG_FILE_PREFIX" "$WALG_FILE_PREFIX.gone"');
      await shop.backup('during-loss', 'stored');
      await assertFailed(
        'during-loss',
        'WalgError',
        /^WalgError: wal-g ended with exit code \d+: ".*". Nothing counts as stored\. /,
      );
      await tick('probe');
      await untilFailure();
      await tick('probe');
      await untilStorage('unavailable');
      await eventually('Warning StorageUnavailable', async () =>
        (await shop.events((await shop.pgm('stored')).metadata.uid)).includes('Warning StorageUnavailable')
          ? true
          : undefined,
      );
      await database.sh('mv "$WALG_FILE_PREFIX.gone" "$WALG_FILE_PREFIX"');
      await tick('probe');
      await untilStorage('available');
      await assertSucceeds('after-loss', 'stored');
      assert.equal((await shop.pgm('stored')).status.conditions.backup?.status, 'ok');
    });
  });

  /** Beside five other databases a look may take too long: what it says then, or cannot say, the next probe takes back. */
  async function untilFirstLook(): Promise<void> {
    const first = await eventually(
      'a look at storage',
      async () => (await shop.pgm('stored')).status.conditions.storage,
    );
    if (first.state !== 'available' || first.failures === 1) await tick('probe');
  }

  async function untilStorage(state: string): Promise<void> {
    await eventually(`storage ${state}`, async () => {
      const { storage } = (await shop.pgm('stored')).status.conditions;
      return storage?.state === state && storage.failures !== 1 ? true : undefined;
    });
  }

  /** A probe of the schedule may come between: then there are two already. */
  async function untilFailure(): Promise<void> {
    await eventually('a failed probe', async () => {
      const { storage } = (await shop.pgm('stored')).status.conditions;
      return (storage?.failures ?? 0) > 0 ? true : undefined;
    });
  }

  async function untilReady(pod: string): Promise<void> {
    await eventually(`${pod} is ready again`, async () => {
      await kubectl('wait', '-n', shop.namespace, `pod/${pod}`, '--for=condition=Ready', '--timeout=10s');
      return true;
    });
  }
});

interface Rule {
  readonly resources: readonly string[];
}

/** There is no `ps` in the image. */
const findWalg = 'for p in /proc/[0-9]*; do [ "$(cat $p/comm 2>/dev/null)" = wal-g ] && echo "${p#/proc/}"; done; true';
const countWalg = `(${findWalg}) | wc -l`;

function signalWalg(signal: string): string {
  return `for pid in $(${findWalg}); do kill -${signal} "$pid"; done`;
}

async function setRules(role: string, rules: readonly Rule[]): Promise<void> {
  await kubectl('patch', 'clusterrole', role, '--type=merge', '-p', JSON.stringify({ rules }));
}

/** The API server takes a changed role up a moment later. */
async function untilExecIs(wanted: 'allowed' | 'refused', namespace: string): Promise<void> {
  await eventually(`exec ${wanted}`, async () => {
    const account = 'system:serviceaccount:aidboxops:backup';
    const ask = ['auth', 'can-i', 'get', 'pods', '--subresource=exec', '-n', namespace, '--as', account];
    const answer = await kubectl(...ask).catch(() => 'no');
    return (answer.trim() === 'yes') === (wanted === 'allowed') ? true : undefined;
  });
}
