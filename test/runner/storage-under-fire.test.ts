/** A real PostgreSQL 14 and the real wal-g that is found, while storage, archiving or the database give way. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { RunReport } from '../../functions/domain/run/protocol.ts';
import { createRunner, type Runner } from '../../functions/platform/run/runner.ts';
import { makeReadOnly, mountMemory } from './mounts.ts';
import { createPod, kill, type Pod, target, underEach, until } from './pod.ts';
import { endedRun, startRun, value } from './fixture.ts';

underEach('storage under fire', ['dash', 'busybox'] as const, (shell) => {
  let pod: Pod;
  /** A new database has about 25 MB: at this rate its upload takes so long that things can happen to it. */
  let slow: Runner;
  before(async () => {
    pod = await createPod({ shell, postgres: true });
    slow = createRunner(pod.execAs({ env: { WALG_DISK_RATE_LIMIT: String(4 * 1024 * 1024) } }));
  });
  after(() => pod.remove());

  async function backup(id: string): Promise<RunReport> {
    await startRun(pod, { id });
    return endedRun(pod, id);
  }

  /** Backups that are listed, by what their user data calls them. */
  async function listed(): Promise<string[]> {
    const { backups, error } = value(await pod.runner.catalogue(target));
    assert.ok(backups !== undefined, error);
    const entries = JSON.parse(backups) as { user_data: { aidboxops: { uid: string } } }[];
    return entries.map((entry) => entry.user_data.aidboxops.uid).sort();
  }

  /** Files with the data of a backup, whether it was ever finished or not. */
  function parts(): string[] {
    const base = join(pod.storage, 'basebackups_005');
    const folders = existsSync(base) ? readdirSync(base).map((name) => join(base, name, 'tar_partitions')) : [];
    return folders
      .filter((folder) => existsSync(folder))
      .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)));
  }

  /** Returns when wal-g is uploading. */
  async function startSlowly(id: string, timeoutSeconds = 120): Promise<void> {
    const known = parts();
    await startRun(pod, { id, timeoutSeconds }, slow);
    await until('wal-g uploads', () => parts().some((path) => !known.includes(path)));
  }

  test('read-only: the probe says so, a backup fails with the reason; writable again, all is well', async () => {
    assert.equal((await backup('first')).exitCode, 0);
    const writable = makeReadOnly(pod.storage);
    try {
      const { read, write } = value(await pod.runner.probe(target));
      assert.equal(read.outcome, 'ok');
      assert.equal(write.outcome, 'failed');
      assert.match(write.detail, /read-only file system/);
      const run = await backup('read-only');
      assert.equal(run.exitCode, 1);
      assert.match(run.firstError ?? '', /read-only file system/);
      assert.deepEqual(await listed(), ['first']);
    } finally {
      await until('nobody writes there', () => tried(writable));
    }
    assert.equal((await backup('writable')).exitCode, 0);
    assert.deepEqual(await listed(), ['first', 'writable']);
  });

  test('full in mid-upload: a backup fails with the reason and is not listed; with room again, all is well', async () => {
    const room = mountMemory(pod.storage, 1024);
    try {
      const run = await backup('no-room');
      assert.equal(run.exitCode, 1);
      assert.match(`${run.firstError} ${run.log.tail}`, /no space left on device/);
      assert.deepEqual(await listed(), []);
    } finally {
      await until('nobody writes there', () => tried(room));
    }
    assert.equal((await backup('room')).exitCode, 0);
    assert.ok((await listed()).includes('room'));
  });

  test('gone in mid-upload, its mount point left: the backup does not end well, and is not listed', async () => {
    await startSlowly('gone', 15);
    const away = `${pod.storage} away`;
    renameSync(pod.storage, away);
    mkdirSync(pod.storage);
    chmodSync(pod.storage, 0o555);
    const run = await endedRun(pod, 'gone');
    assert.notEqual(run.exitCode, 0);
    rmdirSync(pod.storage);
    renameSync(away, pod.storage);
    assert.ok(!(await listed()).includes('gone'));
    assert.equal((await backup('back')).exitCode, 0);
    assert.ok((await listed()).includes('back'));
  });

  test('archiving broken: the push that waits for it is ended by its deadline, and the next one works', async () => {
    setArchiving('false');
    await startRun(pod, { id: 'waits', timeoutSeconds: 8 });
    // At its deadline it gets TERM, which ends 1.1; 3.0 ignores TERM while it waits, and gets KILL 60 s later.
    const run = await endedRun(pod, 'waits', { seconds: 100 });
    assert.deepEqual([run.deadlineHit, run.exitCode === 0], [true, false]);
    assert.ok(!(await listed()).includes('waits'));
    setArchiving('wal-g wal-push "%p"');
    assert.equal((await backup('waits-no-more')).exitCode, 0);
  });

  function setArchiving(command: string): void {
    pod.query(`alter system set archive_command = '${command}'`);
    pod.query('select pg_reload_conf()');
  }

  test('wal-g killed in mid-upload: its exit code is recorded, nothing is listed', async () => {
    await startSlowly('walg-killed');
    kill(Number(readFileSync(join(pod.dir, '.run/walg-killed/pid'), 'utf8').split(' ')[0]), 'SIGKILL');
    assert.equal((await endedRun(pod, 'walg-killed')).exitCode, 137);
    assert.ok(!(await listed()).includes('walg-killed'));
  });

  test('the postmaster killed in mid-upload: the run ends badly by itself; restarted, the next one works', async () => {
    const before = value(await pod.runner.inspect(target));
    await startSlowly('postmaster-killed');
    kill(Number(readFileSync(join(pod.pgdata, 'postmaster.pid'), 'utf8').split('\n')[0]), 'SIGKILL');
    const run = await endedRun(pod, 'postmaster-killed');
    assert.notEqual(run.exitCode, 0);
    assert.equal(value(await pod.runner.inspect(target)).identity.postmaster, '');
    await until('PostgreSQL is up again', () => tried(() => pod.restart()));
    assert.notEqual(value(await pod.runner.inspect(target)).identity.postmaster, before.identity.postmaster);
    assert.ok(!(await listed()).includes('postmaster-killed'));
    assert.equal((await backup('restarted')).exitCode, 0);
  });
});

/** Whether it went well this time. */
function tried(work: () => void): boolean {
  try {
    work();
    return true;
  } catch {
    return false;
  }
}
