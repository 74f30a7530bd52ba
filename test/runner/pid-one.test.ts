/**
 * PostgreSQL is the container's first process: it adopts every orphan and restarts all sessions when one ends by a
 * signal or with another code than 0 and 1. Here a real one is PID 1 of a namespace, and its log is the judge.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Exec } from '../../functions/platform/kubernetes/exec.ts';
import { createRunner, type Runner } from '../../functions/platform/run/runner.ts';
import { endedRun, passHalfAMinute, startRun } from './fixture.ts';
import { createPod, isRoot, owner, type Pod, postgresBin, target, underEach, until } from './pod.ts';

const crashed = /terminating any other active server processes|exited with exit code (?!0\b|1\b)|terminated by signal/;

underEach('PostgreSQL as PID 1', isRoot ? (['dash', 'busybox'] as const) : [], (shell) => {
  let pod: Pod;
  let namespace: ChildProcess;
  let exec: Exec;
  let runner: Runner;

  before(async () => {
    pod = await createPod({ shell, postgres: true });
    pod.stopPostgres();
    const log = join(pod.root, 'pid-one.log');
    const server = [join(postgresBin, 'postgres'), '-D', pod.pgdata, '-c', 'logging_collector=off'];
    namespace = spawn(
      '/usr/bin/unshare',
      [
        '--pid',
        '--fork',
        '--mount-proc',
        '--kill-child',
        '/bin/sh',
        '-c',
        'exec 2>"$0"; exec "$@"',
        log,
        '/usr/bin/setpriv',
        '--reuid=65534',
        '--regid=65534',
        '--clear-groups',
        ...server,
      ],
      { env: pod.env, cwd: '/', stdio: 'ignore' },
    );
    await until(
      'PostgreSQL is up',
      () => existsSync(log) && readFileSync(log, 'utf8').includes('ready to accept connections'),
    );
    // Root outside of the namespace, as a container runtime: the runner has to become the owner itself.
    const outside = pod.execAs({ uid: 0, gid: 0 });
    const init = readFileSync(`/proc/${namespace.pid}/task/${namespace.pid}/children`, 'utf8').trim();
    exec = (where, argv, options) => outside(where, ['/usr/bin/nsenter', '-t', init, '-p', '-m', ...argv], options);
    runner = createRunner(exec);
  });
  after(async () => {
    namespace.kill('SIGKILL');
    await pod.remove();
  });

  async function start(id: string, behaviour: string): Promise<void> {
    pod.fakeWalg(behaviour);
    await startRun(pod, { id, timeoutSeconds: 60 }, runner);
  }

  async function killIn(id: string, ...files: string[]): Promise<void> {
    for (const file of files) {
      const [pid = ''] = readFileSync(join(pod.dir, '.run', id, file), 'utf8').split(' ');
      await exec(target, ['sh', '-c', 'kill -KILL "$1"', 'sh', pid], { timeoutMs: 5_000 });
    }
  }

  async function ended(id: string): Promise<number | undefined> {
    return (await endedRun(pod, id, { runner })).exitCode;
  }

  function serverLog(): string {
    return readFileSync(join(pod.root, 'pid-one.log'), 'utf8');
  }

  async function stopAndWait(id: string): Promise<number | undefined> {
    const answer = await runner.stop(target, { id, kind: 'backup', dir: pod.dir });
    assert.ok(answer.ok && answer.value.state === 'signalled', JSON.stringify(answer));
    return ended(id);
  }

  function anchorOf(id: string): ChildProcess | undefined {
    return pod.anchors.findLast((child) => child.spawnargs.includes(`id=${id}`) && child.spawnargs.includes('start'));
  }

  const hang = 'exec sleep 600';
  const deaf = `trap '' TERM\n${hang}`;

  test('H16 a failing wal-g, a runner killed, an anchor killed, both killed, wal-g killed: no session is disturbed', async () => {
    await start('fails', 'exit 2');
    assert.equal(await ended('fails'), 2);
    await start('runner', hang);
    await killIn('runner', 'runner');
    assert.equal(await stopAndWait('runner'), 143);
    await start('anchor', hang);
    anchorOf('anchor')?.kill('SIGKILL');
    assert.equal(await stopAndWait('anchor'), 143);
    await start('both', hang);
    anchorOf('both')?.kill('SIGKILL');
    await killIn('both', 'runner');
    assert.equal(await stopAndWait('both'), 143);
    await start('walg', hang);
    await killIn('walg', 'pid');
    assert.equal(await ended('walg'), 137);
    assert.doesNotMatch(serverLog(), crashed);
  });

  test('a run that PostgreSQL has adopted may end with 0, 1, 2 or by KILL: a session stays the same', async () => {
    const session = spawn('psql', ['-XAtqw', '-d', 'postgres'], {
      env: pod.env,
      ...owner,
      cwd: '/',
      stdio: 'pipe',
    });
    async function backend(): Promise<string> {
      session.stdin.write('select pg_backend_pid();\n');
      const [answer] = (await once(session.stdout, 'data')) as [Buffer];
      return answer.toString().trim();
    }
    const mine = await backend();
    assert.match(mine, /^\d+$/);
    for (const code of [0, 1, 2, 137]) {
      const id = `adopted-${code}`;
      await start(id, `until [ -e "$PGHOST/${id}" ]; do sleep 0.1; done; exit ${code}`);
      anchorOf(id)?.kill('SIGKILL');
      await killIn(id, 'runner');
      if (code === 137) await killIn(id, 'pid');
      else writeFileSync(join(pod.root, id), '');
      assert.equal(await ended(id), code);
    }
    assert.equal(await backend(), mine);
    session.stdin.end();
    assert.doesNotMatch(serverLog(), crashed);
  });

  test('a deaf wal-g ended by KILL, from stop and from the bound of a probe: no session is disturbed', async () => {
    await start('deaf', deaf);
    await runner.stop(target, { id: 'deaf', kind: 'backup', dir: pod.dir });
    passHalfAMinute(pod, 'deaf');
    assert.equal(await stopAndWait('deaf'), 137);
    pod.fakeWalg(`case "$2 $3" in 'check '*) ${deaf};; '--help '*) echo ' check ';; esac`);
    const probe = await runner.probe(target);
    assert.ok(probe.ok && probe.value.read.outcome === 'timeout', JSON.stringify(probe));
    assert.doesNotMatch(serverLog(), crashed);
  });

  test('the log would show it: an orphan that ends by a signal restarts all sessions', async () => {
    await start('proof', hang);
    anchorOf('proof')?.kill('SIGKILL');
    await killIn('proof', 'runner', 'guard', 'pid');
    await until('PostgreSQL has noticed', () => crashed.test(serverLog()));
  });
});
