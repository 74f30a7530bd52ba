/** What the runner says of a real PostgreSQL 14 that is a primary, a standby, recovering, repaired, or gone. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, openSync, readFileSync, readdirSync, readlinkSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Inspection, RunReport } from '../../functions/domain/run/protocol.ts';
import { value } from './fixture.ts';
import { createPod, give, kill, owner, type Pod, postgresBin, target, until } from './pod.ts';

/** State in the control file while a crash is recovered from. */
const crashRecovery = 4;

async function inspect(pod: Pod): Promise<Inspection> {
  return value(await pod.runner.inspect(target, { dir: pod.dir }));
}

function postmasterOf(pod: Pod): number {
  return Number(readFileSync(join(pod.pgdata, 'postmaster.pid'), 'utf8').split('\n')[0]);
}

/** A process of the server by the words that PostgreSQL gives it; undefined when there is none. */
function processOf(pod: Pod, words: string): number | undefined {
  const found = readdirSync('/proc').find((entry) => {
    if (!/^\d+$/.test(entry)) return false;
    try {
      const command = readFileSync(`/proc/${entry}/cmdline`, 'utf8');
      return command.startsWith(`postgres: ${words}`) && readlinkSync(`/proc/${entry}/cwd`) === pod.pgdata;
    } catch {
      return false;
    }
  });
  return found === undefined ? undefined : Number(found);
}

/** Starts a server in the data directory of a pod, without waiting for it. */
function startServer(pod: Pod, ...options: string[]): ChildProcess {
  const settings = [`unix_socket_directories="${pod.root}"`, 'fsync=off', ...options].flatMap((option) => [
    '-c',
    option,
  ]);
  const spawned = { env: pod.env, ...owner, cwd: '/', stdio: 'ignore' } as const;
  return spawn(join(postgresBin, 'postgres'), ['-D', pod.pgdata, ...settings], spawned);
}

/** Stops the recovery of a server the moment that it has begun, and returns what does it. */
async function holdRecovery(pod: Pod): Promise<number> {
  const control = openSync(join(pod.pgdata, 'global', 'pg_control'), 'r');
  const state = Buffer.alloc(4);
  const end = performance.now() + 30_000;
  do {
    assert.ok(performance.now() < end, 'no recovery is seen');
    readSync(control, state, 0, 4, 16);
  } while (state.readUInt32LE() !== crashRecovery);
  let startup: number | undefined;
  await until('the process that recovers', () => Promise.resolve((startup = processOf(pod, 'startup')) !== undefined));
  kill(startup, 'SIGSTOP');
  return startup ?? 0;
}

/** Makes WAL enough for a recovery that can be caught. */
function writeWal(pod: Pod): void {
  pod.query(
    "create table if not exists wal (text text); insert into wal select repeat('x', 1000) from generate_series(1, 100000)",
  );
}

for (const shell of ['dash', 'busybox'] as const) {
  describe(`a server and its role under ${shell}`, { concurrency: false }, () => {
    let pod: Pod;
    before(async () => {
      pod = await createPod({ shell, postgres: true });
      pod.query("alter system set archive_command = '/bin/true'");
      pod.query("alter system set checkpoint_timeout = '1h'");
      pod.query('select pg_reload_conf()');
    });
    after(() => pod.remove());

    test('in production: the primary, with its timeline', async () => {
      const { role, signal, stopping, timeline } = await inspect(pod);
      assert.deepEqual(
        { role, signal, stopping, timeline },
        { role: 'primary', signal: undefined, stopping: false, timeline: 1 },
      );
    });

    test('H130 a server process is killed: recovering, though postmaster.pid says ready and the postmaster is the same', async () => {
      const running = await inspect(pod);
      writeWal(pod);
      kill(processOf(pod, 'background writer'), 'SIGKILL');
      const startup = await holdRecovery(pod);
      try {
        assert.match(readFileSync(join(pod.pgdata, 'postmaster.pid'), 'utf8'), /\nready *\n$/);
        const { identity, role, stopping } = await inspect(pod);
        assert.deepEqual(
          { identity, role, stopping },
          { identity: running.identity, role: 'recovering', stopping: false },
        );
      } finally {
        kill(startup, 'SIGCONT');
      }
      await until('it is in production again', async () => (await inspect(pod)).role === 'primary');
    });

    test('H130 wal-g that begins during recovery ends within a minute, and its log names SQLSTATE 57P03', async () => {
      writeWal(pod);
      kill(processOf(pod, 'background writer'), 'SIGKILL');
      const startup = await holdRecovery(pod);
      try {
        const { identity, podTime } = await inspect(pod);
        const run = { id: 'cold', kind: 'backup', dir: pod.dir } as const;
        const request = { ...run, identity, notAfter: podTime + 30, timeoutSeconds: 120, name: 'cold', userData: '{}' };
        await pod.runner.start(target, request);
        let report: RunReport | undefined;
        await until('wal-g has ended', async () => {
          report = value(await pod.runner.inspect(target, run)).run;
          return report?.state === 'exited';
        });
        assert.equal(report?.exitCode, 1);
        assert.match(report.log.tail, /57P03/);
        assert.ok((report.endedAt ?? Infinity) - (report.startedAt ?? 0) < 60);
      } finally {
        kill(startup, 'SIGCONT');
      }
      await until('it is in production again', async () => (await inspect(pod)).role === 'primary');
    });

    test('H129 the postmaster was killed: down, though its file says ready, the control file production, and its pid lives', async () => {
      writeWal(pod);
      const files = join(pod.pgdata, 'postmaster.pid');
      kill(postmasterOf(pod), 'SIGKILL');
      await until('all of it is gone', () => Promise.resolve(processOf(pod, '') === undefined));
      // Its pid is another process by now.
      const other = spawn('/bin/sleep', ['600'], { ...owner, cwd: '/', env: {}, stdio: 'ignore' });
      await once(other, 'spawn');
      try {
        const [, ...rest] = readFileSync(files, 'utf8').split('\n');
        writeFileSync(files, [other.pid, ...rest].join('\n'));
        assert.match(rest.join('\n'), /\nready *\n$/);
        const { identity, role } = await inspect(pod);
        assert.deepEqual([role, identity.postmaster], ['down', '']);
      } finally {
        other.kill('SIGKILL');
        rmSync(files);
        // Nobody has waited for the postmaster, so its pid is in use still.
        rmSync(join(pod.root, '.s.PGSQL.5432.lock'));
      }
    });

    test('H71 after a crash it starts: not in production before recovery has ended', async () => {
      startServer(pod);
      const startup = await holdRecovery(pod);
      try {
        const { identity, role } = await inspect(pod);
        assert.equal(role, 'starting');
        assert.notEqual(identity.postmaster, '');
      } finally {
        kill(startup, 'SIGCONT');
      }
      await until('it is in production', async () => (await inspect(pod)).role === 'primary');
    });

    test('a single-user server: nobody else may connect', async () => {
      pod.stopPostgres();
      await until('it is down', async () => (await inspect(pod)).role === 'down');
      const single = spawn(join(postgresBin, 'postgres'), ['--single', '-D', pod.pgdata, 'postgres'], {
        env: pod.env,
        ...owner,
        cwd: '/',
        stdio: ['pipe', 'ignore', 'ignore'],
      });
      await until('it is seen', async () => (await inspect(pod)).role === 'singleUser');
      assert.equal((await inspect(pod)).identity.postmaster, '');
      single.stdin.end();
      await once(single, 'exit');
      assert.equal((await inspect(pod)).role, 'down');
    });

    describe('and its standby', () => {
      let standby: Pod;
      before(async () => {
        standby = await createPod({ shell });
        rmSync(standby.pgdata, { recursive: true });
        cpSync(pod.pgdata, standby.pgdata, { recursive: true, mode: 0 });
        execFileSync('chown', ['-R', `${owner.uid ?? process.getuid?.()}`, standby.pgdata]);
        execFileSync('chmod', ['-R', 'go=', standby.pgdata]);
        writeFileSync(join(standby.pgdata, 'standby.signal'), '');
        give(join(standby.pgdata, 'standby.signal'));
        startServer(pod, 'max_wal_senders=4');
        await until('the primary is up', async () => (await inspect(pod)).role === 'primary');
      });
      after(() => standby.remove());

      test('H70 a copy that no server runs in is down, and its signal file is named', async () => {
        const { role, signal } = await inspect(standby);
        assert.deepEqual([role, signal], ['down', 'standby.signal']);
      });

      test('H70 a standby is one by its control file, with a signal file and without', async () => {
        startServer(standby, `primary_conninfo=host='${pod.root}' user=postgres`);
        await until('it follows', async () => {
          const said = await standby.exec(target, ['psql', '-XAtqc', 'select pg_is_in_recovery()', 'postgres'], {
            timeoutMs: 5_000,
          });
          return said.kind === 'done' && said.stdout === 't\n';
        });
        assert.equal((await inspect(standby)).role, 'standby');
        rmSync(join(standby.pgdata, 'standby.signal'));
        const { role, signal } = await inspect(standby);
        assert.deepEqual([role, signal], ['standby', undefined]);
        // PostgreSQL removes it when it is promoted, and fails where it is not there.
        writeFileSync(join(standby.pgdata, 'standby.signal'), '');
        give(join(standby.pgdata, 'standby.signal'));
      });

      test('H69 promoted beside the old primary: two are in production, and their timelines differ at once', async () => {
        standby.query('select pg_promote()');
        await until('it is in production', async () => (await inspect(standby)).role === 'primary');
        const [old, promoted] = [await inspect(pod), await inspect(standby)];
        assert.deepEqual([old.role, old.timeline], ['primary', 1]);
        assert.deepEqual([promoted.role, promoted.timeline], ['primary', 2]);
        assert.equal(old.systemIdentifier, promoted.systemIdentifier);
      });
    });
  });
}
