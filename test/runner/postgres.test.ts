/** The runner with a real PostgreSQL 14 and the real wal-g that is found, whatever its version. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { CatalogueAnswer, RunReport } from '../../functions/domain/run/protocol.ts';
import { createRunner, type Runner } from '../../functions/platform/run/runner.ts';
import { endedRun, passHalfAMinute, startRun, value } from './fixture.ts';
import { createPod, isRoot, kill, owner, type Pod, target, underEach, until } from './pod.ts';

interface Listed {
  readonly backup_name: string;
  readonly user_data?: unknown;
}

function listed(answer: CatalogueAnswer): Listed[] {
  assert.ok(answer.backups !== undefined, answer.error);
  return JSON.parse(answer.backups) as Listed[];
}

/** Size of a WAL segment: the usual one, and one that only the database itself tells. */
const segments = { dash: 1, busybox: 16 };

underEach('PostgreSQL and wal-g', ['dash', 'busybox'] as const, (shell) => {
  let pod: Pod;
  before(async () => {
    pod = await createPod({ shell, postgres: true, segmentMebibytes: segments[shell] });
  });
  after(() => pod.remove());

  async function backup(id: string, runner?: Runner): Promise<RunReport> {
    await startRun(pod, { id }, runner);
    return endedRun(pod, id, { runner });
  }

  async function rotation(id: string, cut: string, names: string[]): Promise<RunReport> {
    await startRun(pod, { id, kind: 'rotation', cut, names });
    return endedRun(pod, id, { kind: 'rotation' });
  }

  async function catalogue(): Promise<CatalogueAnswer> {
    return value(await pod.runner.catalogue(target));
  }

  test('catalogue of an empty storage is an empty list', async () => {
    const answer = await catalogue();
    assert.deepEqual([answer.backups, answer.plain, answer.wal, answer.error], ['[]', false, '[]', undefined]);
  });

  test('probe: storage can be read and written, and nothing of the probe stays there', async () => {
    const answer = value(await pod.runner.probe(target, { dir: pod.dir }));
    const { uid, obstacle, archiveMode, read, write, holder } = answer;
    const ok = { outcome: 'ok', detail: '' };
    assert.deepEqual(
      { uid, obstacle, archiveMode, read, write, holder },
      {
        uid: owner.uid ?? process.getuid?.(),
        obstacle: undefined,
        archiveMode: 'on',
        read: ok,
        write: ok,
        holder: undefined,
      },
    );
    assert.ok(answer.walgVersion.length > 0);
    assert.deepEqual(
      readdirSync(pod.storage).filter((name) => name.includes('probe')),
      [],
    );
  });

  test('a backup ends with 0 and is proved by the catalogue: own user data, own database, WAL stored', async () => {
    const run = await backup('first');
    assert.equal(run.exitCode, 0, run.log.tail);
    assert.match(run.log.tail, /Wrote backup with name base_/);
    assert.equal(readFileSync(join(pod.dir, 'first.log'), 'utf8').trimEnd(), run.log.tail);
    const answer = await catalogue();
    const [entry] = listed(answer);
    assert.deepEqual(entry?.user_data, { aidboxops: { uid: 'first' } });
    assert.equal(answer.systemIdentifier, pod.query('select system_identifier from pg_control_system()'));
    assert.equal(answer.segmentSize, segments[shell] * 1024 * 1024);
    assert.ok(answer.backups?.includes(`"system_identifier":${answer.systemIdentifier},`));
    const segment = entry.backup_name.slice('base_'.length);
    const [timeline] = JSON.parse(answer.wal ?? '') as { end_segment: string; missing_segments: string[] }[];
    assert.ok(timeline !== undefined && timeline.end_segment >= segment && timeline.missing_segments.length === 0);
    assert.deepEqual([answer.ready, answer.readyTotal], [[], 0]);
    assert.deepEqual([answer.timeline, answer.history], [1, undefined]);
    assert.equal(answer.archiver?.failedCount, 0);
    assert.ok((answer.walgVersion ?? '') !== '');
  });

  test('a rotation deletes what is before the cut; a backup made meanwhile stops it', async () => {
    await backup('second');
    const planned = listed(await catalogue()).map((entry) => entry.backup_name);
    await backup('third');
    const cut = planned.at(-1) ?? '';
    const late = await rotation('first-1', cut, planned);
    assert.deepEqual([late.exitCode, late.catalogueChanged], [75, true]);
    assert.equal(listed(await catalogue()).length, 3);

    const names = listed(await catalogue()).map((entry) => entry.backup_name);
    const done = await rotation('first-2', cut, names.toReversed());
    assert.deepEqual([done.exitCode, done.catalogueChanged], [0, false], done.log.tail);
    assert.deepEqual(
      listed(await catalogue()).map((entry) => entry.backup_name),
      names.slice(1),
    );
  });

  if (isRoot) {
    test('exec as root leaves nothing that belongs to root in storage, data or log directory', async () => {
      const root = createRunner(pod.execAs({ uid: 0, gid: 0 }));
      assert.equal((await backup('as-root', root)).exitCode, 0);
      assert.equal(value(await root.probe(target)).write.outcome, 'ok');
      const foreign = execFileSync(
        'find',
        [pod.root, '-mindepth', '1', '-path', `${pod.root}/bin`, '-prune', '-o', '-user', 'root', '-print'],
        { encoding: 'utf8' },
      );
      assert.equal(foreign, '');
    });
  }

  test('H132 the newest name in pg_wal tells the timeline, and its file the history', async () => {
    const wal = join(pod.pgdata, 'pg_wal');
    const files = [join(wal, '0000000A0000000000000001'), join(wal, '0000000A.history')] as const;
    writeFileSync(files[0], '');
    writeFileSync(files[1], '1\t0/5000000\tno recovery target specified\n\n9\t1/0\tbefore 2021-12-29 12:00:00+00\n');
    const answer = await catalogue();
    for (const file of files) rmSync(file);
    assert.equal(answer.timeline, 10);
    assert.deepEqual(answer.history, [
      '1\t0/5000000\tno recovery target specified',
      '9\t1/0\tbefore 2021-12-29 12:00:00+00',
    ]);
  });

  test('storage gone: the catalogue is unknown, the probe fails, a backup fails, each with its first error', async () => {
    renameSync(pod.storage, `${pod.storage} away`);
    const answer = await catalogue();
    assert.deepEqual([answer.backups, answer.wal, answer.plain], [undefined, undefined, false]);
    assert.match(answer.error ?? '', /ERROR: .*(not exists|doesn't exist)/);
    const { read, write } = value(await pod.runner.probe(target));
    assert.equal(read.outcome, 'failed');
    assert.match(read.detail, /ERROR: .*(not exists|doesn't exist)/);
    assert.deepEqual(write, { outcome: 'skipped', detail: '' });
    const run = await backup('without-storage');
    assert.equal(run.exitCode, 1);
    assert.match(run.firstError ?? '', /^ERROR: /);
    renameSync(`${pod.storage} away`, pod.storage);
  });

  test('H27 metadata of one backup gone: the list is plain and says why', async () => {
    const [entry] = listed(await catalogue());
    const file = join(pod.storage, 'basebackups_005', entry?.backup_name ?? '', 'metadata.json');
    renameSync(file, `${file}.away`);
    const answer = await catalogue();
    assert.equal(answer.plain, true);
    assert.equal(listed(answer)[0]?.backup_name, entry?.backup_name);
    assert.match(answer.error ?? '', /metadata\.json/);
    renameSync(`${file}.away`, file);
  });

  test('broken archiving hangs the push until it is stopped; the waiting segments and the reason are shown', async () => {
    pod.query(`alter system set archive_command = 'false'`);
    pod.query('select pg_reload_conf()');
    const ends = backup('hung');
    let answer = await catalogue();
    await until('PostgreSQL waits for archiving', async () => {
      answer = await catalogue();
      return answer.readyTotal > 0 && (answer.archiver?.failedCount ?? 0) > 0;
    });
    assert.match(answer.ready[0] ?? '', /^[0-9A-F]{24}$/);
    assert.deepEqual([answer.archiver?.lastFailedWal, answer.readyTotal], [answer.ready[0], answer.ready.length]);
    assert.match(answer.archiver?.lastFailedTime ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    await until('the push waits', () =>
      pod
        .query(`select wait_event from pg_stat_activity where query like '%pg_stop_backup%'`)
        .includes('BackupWaitWalArchive'),
    );
    const run = { id: 'hung', kind: 'backup', dir: pod.dir } as const;
    assert.equal(value(await pod.runner.stop(target, run)).state, 'signalled');
    // TERM ends 1.1. 3.0 says that it was signalled and waits on, so that it gets KILL from a stop 30 s later.
    let isDeaf = false;
    await until('TERM has arrived', async () => {
      const { state, log } = value(await pod.runner.inspect(target, run)).run ?? {};
      isDeaf = state === 'running' && log?.tail.includes('received interruption signal') === true;
      return isDeaf || state === 'exited';
    });
    if (isDeaf) {
      passHalfAMinute(pod, 'hung');
      assert.equal(value(await pod.runner.stop(target, run)).state, 'signalled');
    }
    const { exitCode, tombstone } = await ends;
    assert.deepEqual([exitCode, tombstone], [isDeaf ? 137 : 143, true]);
    assert.ok(!listed(await catalogue()).some(({ user_data }) => JSON.stringify(user_data).includes('hung')));
    pod.query(`alter system set archive_command = 'wal-g wal-push "%p"'`);
    pod.query('select pg_reload_conf()');
  });

  test('a restart of the postmaster is another incarnation; a signal file alone makes no standby', async () => {
    const before = value(await pod.runner.inspect(target));
    assert.deepEqual(
      [before.role, before.identity.postmaster],
      ['primary', readFileSync(join(pod.pgdata, 'postmaster.pid'), 'utf8').split('\n')[2]],
    );
    await until('a second has passed', () => Math.floor(Date.now() / 1000) > Number(before.identity.postmaster));
    pod.restart();
    const afterwards = value(await pod.runner.inspect(target));
    assert.notEqual(afterwards.identity.postmaster, before.identity.postmaster);
    assert.deepEqual({ ...afterwards.identity, postmaster: '' }, { ...before.identity, postmaster: '' });
    writeFileSync(join(pod.pgdata, 'standby.signal'), '');
    const { role, signal } = value(await pod.runner.inspect(target));
    assert.deepEqual([role, signal], ['primary', 'standby.signal']);
    rmSync(join(pod.pgdata, 'standby.signal'));
  });

  test('a shutdown that waits for a session is told, and that it is over', async () => {
    const session = spawn('psql', ['-Xqw', '-d', 'postgres'], { env: pod.env, ...owner, cwd: '/', stdio: 'pipe' });
    session.stdin.write('select 1;\n');
    await once(session.stdout, 'data');
    const running = value(await pod.runner.inspect(target));
    kill(Number(readFileSync(join(pod.pgdata, 'postmaster.pid'), 'utf8').split('\n')[0]), 'SIGTERM');
    await until('the shutdown is told', async () => value(await pod.runner.inspect(target)).stopping);
    assert.deepEqual(value(await pod.runner.inspect(target)).identity, running.identity);
    session.stdin.end();
    await until('the postmaster is gone', async () => {
      const { identity, stopping } = value(await pod.runner.inspect(target));
      return identity.postmaster === '' && !stopping;
    });
    pod.restart();
    assert.equal(value(await pod.runner.inspect(target)).stopping, false);
  });

  test('nothing but what the runner names is in its directory', () => {
    const runs = readdirSync(join(pod.dir, '.run'));
    assert.ok(runs.includes('first') && runs.includes('first-2'));
    for (const run of runs) assert.ok(statSync(join(pod.dir, '.run', run)).isDirectory());
    assert.equal(existsSync(join(pod.dir, 'first.log')), true);
  });
});
