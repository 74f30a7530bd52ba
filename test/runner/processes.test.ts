/** Lock, launch, process shape and stop, with a wal-g that does as a test says (see fixture.ts). */
import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import type { StartRequest } from '../../functions/domain/run/protocol.ts';
import { createRunner } from '../../functions/platform/run/runner.ts';
import { give, isRoot, kill, owner, type Pod, shells, target, underEach, until } from './pod.ts';
import { createFixture, hang, passHalfAMinute, type Fixture, value } from './fixture.ts';

underEach('the runner', shells, (shell) => {
  let the: Fixture;
  before(async () => (the = await createFixture(shell)));
  afterEach(() => the.quiet());
  after(() => the.pod.remove());

  test('a backup runs once, detached, with data directory, user data and a log file that its name links to', async () => {
    the.behave(`echo "data $WALG_SENTINEL_USER_DATA stop $WALG_STOP_BACKUP_TIMEOUT" >&2
    echo 'ERROR: first' >&2; echo 'ERROR: end=1' >&2; exit 3`);
    const answer = await the.start('once');
    assert.ok('startedAt' in answer, JSON.stringify(answer));
    const run = await the.exited('once');
    assert.deepEqual(run, {
      id: 'once',
      kind: 'backup',
      state: 'exited',
      exitCode: 3,
      startedAt: answer.startedAt,
      endedAt: run.endedAt,
      deadlineHit: false,
      tombstone: false,
      catalogueChanged: false,
      log: { head: '', tail: 'data {"a":"b c"} stop 1h\nERROR: first\nERROR: end=1', bytes: run.log.bytes },
      firstError: 'ERROR: first',
      lastError: 'ERROR: end=1',
    });
    assert.equal(readlinkSync(join(the.pod.dir, 'name-once.log')), '.run/once/log');
    assert.equal(readFileSync(join(the.pod.dir, '.run/once/format'), 'utf8'), '1\n');
    await the.quiet();
    const again = await the.start('once');
    assert.deepEqual(again, { state: 'exited', podTime: again.podTime, startedAt: answer.startedAt });
    assert.deepEqual(the.calls(), [`backup-push ${the.pod.pgdata}`]);
  });

  test('I2 twenty starts of different runs at once: exactly one runs, the others are told who', async () => {
    the.behave(hang);
    const requests = await Promise.all(Array.from({ length: 20 }, (_, index) => the.request(`race-${index}`)));
    const answers = await Promise.all(
      requests.map(async (request) => value(await the.pod.runner.start(target, request))),
    );
    const winner = answers.findIndex((answer) => answer.state === 'running');
    const holder = { id: `race-${winner}`, kind: 'backup' };
    answers.forEach((answer, index) => {
      if (index !== winner) assert.deepEqual(answer, { state: 'busy', podTime: answer.podTime, holder });
    });
    assert.deepEqual((await the.inspect()).holder, holder);
    kill(await the.pidOf(`race-${winner}`, 'pid'), 'SIGTERM');
    assert.equal((await the.exited(`race-${winner}`)).exitCode, 143);
  });

  test('ten starts of one run at once launch it once and all say running', async () => {
    the.behave(hang);
    const before = the.calls().length;
    const request = await the.request('same');
    const answers = await Promise.all(Array.from({ length: 10 }, () => the.pod.runner.start(target, request)));
    assert.deepEqual(new Set(answers.map((answer) => value(answer).state)), new Set(['running']));
    // A wal-g that is signalled before it is under way has not written its call.
    await until('wal-g is under way', () => the.calls().length > before);
    kill(await the.pidOf('same', 'pid'), 'SIGTERM');
    assert.equal((await the.exited('same')).exitCode, 143);
    await the.quiet();
    assert.equal(the.calls().length, before + 1);
  });

  test('H16 start killed at any moment: the run is there in full or not at all', async () => {
    the.behave('exit 0');
    const seen = new Set<string>();
    for (let delay = 0; delay <= 60; delay += 6) {
      const id = `cut-${delay}`;
      const request = await the.request(id);
      const starting = the.pod.runner.start(target, request);
      const child = the.pod.anchors.at(-1);
      await new Promise((resolve) => setTimeout(resolve, delay));
      kill(child?.pid, 'SIGKILL');
      await starting;
      await the.quiet();
      const { state, exitCode } = await the.look(id);
      seen.add(`${state} ${exitCode}`);
      // What was not launched may be started again under the same id.
      if (state === 'none') assert.ok('startedAt' in (await the.start(id)));
      await the.exited(id);
      await the.quiet();
    }
    assert.deepEqual(
      [...seen].filter((state) => state !== 'none undefined' && state !== 'exited 0'),
      [],
    );
  });

  test('H16 runner and anchor killed: the run goes on, can be stopped, and its exit code is recorded', async () => {
    the.behave(hang);
    await the.start('orphan');
    const anchor = the.pod.anchors.findLast(
      (child) => child.exitCode === null && child.spawnargs.includes('id=orphan'),
    );
    kill(anchor?.pid, 'SIGKILL');
    kill(await the.pidOf('orphan', 'runner'), 'SIGKILL');
    await until('anchor is dead', () => anchor?.signalCode === 'SIGKILL');
    assert.equal((await the.look('orphan')).state, 'running');
    assert.equal((await the.start('other')).state, 'busy');
    assert.deepEqual((await the.stop('orphan')).state, 'signalled');
    assert.equal((await the.exited('orphan')).exitCode, 143);
  });

  test('H16 runner and guard killed: wal-g keeps the lock, is not signalled, and then the run has died', async () => {
    the.behave(hang);
    await the.start('alone');
    kill(await the.pidOf('alone', 'runner'), 'SIGKILL');
    kill(await the.pidOf('alone', 'guard'), 'SIGKILL');
    await until('the stop is told to wait', async () => (await the.stop('alone')).state === 'left');
    const inspection = await the.inspect('alone');
    assert.equal(inspection.run?.state, 'running');
    assert.deepEqual(inspection.holder, { id: 'alone', kind: 'backup' });
    assert.equal((await the.start('next')).state, 'busy');
    kill(await the.pidOf('alone', 'pid'), 'SIGKILL');
    await the.quiet();
    assert.equal((await the.look('alone')).state, 'died');
    rmSync(join(the.pod.dir, '.run/alone/stop'));
    const again = await the.start('alone');
    assert.ok(again.state === 'refused' && again.reason === 'died', JSON.stringify(again));
  });

  test('stop is a level: TERM, nothing for 30 s, then KILL', async () => {
    the.behave(`trap '' TERM\n${hang}`);
    await the.start('deaf');
    const pid = await the.pidOf('deaf', 'pid');
    await until('wal-g ignores TERM', () =>
      /SigIgn:\s+\w*[4-7c-f]\w{3}$/m.test(readFileSync(`/proc/${pid}/status`, 'utf8')),
    );
    assert.equal((await the.stop('deaf')).state, 'signalled');
    assert.equal((await the.stop('deaf')).state, 'signalled');
    assert.equal((await the.look('deaf')).state, 'running');
    passHalfAMinute(the.pod, 'deaf');
    assert.equal((await the.stop('deaf')).state, 'signalled');
    const run = await the.exited('deaf');
    assert.deepEqual([run.exitCode, run.tombstone, run.deadlineHit], [137, true, false]);
    assert.equal((await the.stop('deaf')).state, 'gone');
  });

  test('stop finds a run that was started under another directory', async () => {
    the.behave(hang);
    const dir = join(the.pod.root, 'older directory');
    await the.start('moved', { dir });
    assert.equal((await the.stop('moved')).state, 'signalled');
    await the.quiet();
    const { run } = value(await the.pod.runner.inspect(target, { id: 'moved', kind: 'backup', dir }));
    assert.deepEqual([run?.state, run?.exitCode, run?.tombstone], ['exited', 143, true]);
  });

  test('H13 H14 nothing starts after a stop, in another incarnation, or too late', async () => {
    the.behave('exit 0');
    const before = the.calls().length;
    const { identity, podTime } = await the.inspect();
    const stopped = await the.stop('stopped');
    assert.deepEqual(stopped, { podTime: stopped.podTime, state: 'gone', tombstone: true });
    const rows: [id: string, changes: Partial<StartRequest>, reason: string, detail: RegExp][] = [
      ['stopped', {}, 'tombstone', /the run was stopped/],
      ['late', { notAfter: podTime - 1 }, 'not-after', /^pod time \d+ is after \d+$/],
      ['host', { identity: { ...identity, host: 'postgres-1' } }, 'identity', /host name is .*, not postgres-1/],
      ['ticks', { identity: { ...identity, ticks: '1' } }, 'identity', /container was restarted/],
      ['boot', { identity: { ...identity, boot: 'x' } }, 'identity', /node was restarted/],
      ['postmaster', { identity: { ...identity, postmaster: '1' } }, 'identity', /postmaster was restarted/],
    ];
    for (const [id, changes, reason, detail] of rows) {
      const answer = await the.start(id, changes);
      assert.ok(answer.state === 'refused' && answer.reason === reason, JSON.stringify(answer));
      assert.match(answer.detail, detail);
      assert.equal((await the.look(id)).state, 'none');
    }
    assert.equal(the.calls().length, before);
  });

  test('H13 a start that hangs before the lock and goes on after a stop is refused under the lock', async () => {
    the.behave('exit 0');
    const before = the.calls().length;
    const slowFlock = join(the.pod.root, 'slow');
    mkdirSync(slowFlock);
    writeFileSync(
      join(slowFlock, 'flock'),
      '#!/bin/sh\n: >"$PGHOST/slow/waits"\nread -r _ <"$PGHOST/hang"\nexec /usr/bin/flock "$@"\n',
      {
        mode: 0o755,
      },
    );
    give(slowFlock);
    const slow = createRunner(the.pod.execAs({ env: { PATH: `${slowFlock}:${the.pod.env.PATH}` } }));
    const starting = slow.start(target, await the.request('hung'));
    await until('start waits before the lock', () => existsSync(join(slowFlock, 'waits')));
    assert.equal((await the.stop('hung')).state, 'gone');
    writeFileSync(join(the.pod.root, 'hang'), '\n');
    const answer = value(await starting);
    assert.ok(answer.state === 'refused' && answer.reason === 'tombstone', JSON.stringify(answer));
    await the.quiet();
    assert.equal(the.calls().length, before);
  });

  test('the deadline ends wal-g; an exit code that looks like it does not count', async () => {
    the.behave('exit 124');
    await the.start('looks-like');
    const quick = await the.exited('looks-like');
    assert.deepEqual([quick.exitCode, quick.deadlineHit], [124, false]);
    await the.quiet();
    the.behave(hang);
    await the.start('too-long', { timeoutSeconds: 1 });
    const run = await the.exited('too-long');
    assert.deepEqual([[124, 143].includes(run.exitCode ?? 0), run.deadlineHit], [true, true]);
  });

  const stored = ['base_B', 'base_A_D_B'];
  for (const [id, what, list, listCode, names, exitCode, isChanged] of [
    ['rotate-1', 'that it was planned from', stored, 0, stored, 0, false],
    ['rotate-2', 'and not from another', stored, 0, [...stored, 'base_C'], 75, true],
    ['rotate-3', 'and not without one', stored, 1, stored, 1, false],
    ['rotate-4', 'even if that is empty', undefined, 0, [], 0, false],
  ] as const) {
    test(`H37 a rotation deletes only from the catalogue ${what}`, async () => {
      the.behave('echo deleted; exit 0');
      const entries = list?.map((name) => ({ backup_name: name, time: 'x' }));
      writeFileSync(join(the.pod.root, 'list'), entries === undefined ? '' : JSON.stringify(entries));
      writeFileSync(join(the.pod.root, 'list-code'), `${listCode}\n`);
      assert.ok('startedAt' in (await the.start(id, { kind: 'rotation', cut: 'base_B', names })));
      const run = await the.exited(id, 'rotation');
      assert.deepEqual([run.exitCode, run.catalogueChanged], [exitCode, isChanged]);
      const deletes = exitCode === 0 ? ['delete before FIND_FULL base_B --confirm'] : [];
      if (exitCode === 0) assert.equal(run.log.tail, 'deleted');
      assert.deepEqual(the.calls().slice(-1 - deletes.length), ['backup-list --json', ...deletes]);
    });
  }

  test('50 MB of stderr are answered as whole lines of their head and tail', async () => {
    the.behave(`echo 'panic: first' >&2
    yes 'INFO: 2026/11/23 17:02:56.757496 some line of a long log' | head -n 900000 >&2
    echo 'ERROR: last'; exit 1`);
    await the.start('big');
    const { log, firstError, lastError } = await the.exited('big');
    assert.ok(log.bytes > 50_000_000, String(log.bytes));
    assert.ok(log.head.length > 8_000 && log.head.length <= 8_192, String(log.head.length));
    assert.ok(log.tail.length > 24_000 && log.tail.length <= 24_576, String(log.tail.length));
    const line = /^(panic: first|ERROR: last|INFO: .* some line of a long log)$/;
    assert.deepEqual(
      `${log.head}\n${log.tail}`.split('\n').filter((text) => !line.test(text)),
      [],
    );
    assert.deepEqual([firstError, lastError], ['panic: first', 'ERROR: last']);
  });

  test('prune removes files of finished runs by their names and nothing else', async () => {
    the.behave('exit 0');
    for (const id of ['old', 'namesake']) {
      await the.start(id, { name: 'shared' });
      await the.exited(id);
      await the.quiet();
    }
    the.behave(hang);
    await the.start('living');
    const foreign = join(the.pod.dir, '.run/once/foreign');
    writeFileSync(foreign, '');
    const prune = async (...runs: { id: string; name?: string }[]): Promise<readonly string[]> =>
      value(await the.pod.runner.prune(target, { dir: the.pod.dir, runs })).pruned;
    assert.deepEqual(
      await prune(
        { id: 'old', name: 'shared' },
        { id: 'once', name: 'name-once' },
        { id: 'living', name: 'name-living' },
        { id: '../../x' },
        { id: 'rotate-1' },
      ),
      ['old', 'rotate-1'],
    );
    assert.equal(readlinkSync(join(the.pod.dir, 'shared.log')), '.run/namesake/log');
    assert.deepEqual(readdirSync(join(the.pod.dir, '.run/once')), ['foreign']);
    assert.equal((await the.look('living')).state, 'running');
    rmSync(foreign);
    assert.deepEqual(await prune({ id: 'namesake', name: 'shared' }, { id: 'once', name: 'name-once' }), [
      'namesake',
      'once',
    ]);
    assert.deepEqual(
      readdirSync(the.pod.dir).filter((name) => /shared|name-once/.test(name)),
      [],
    );
    await the.stop('living');
  });

  test('obstacles are named, and a start meets them too', async () => {
    const inspect = async (runner: Pod['runner'], dir: string): Promise<string> => {
      const { obstacle } = value(await runner.inspect(target, { dir }));
      return `${obstacle?.kind}: ${obstacle?.detail}`;
    };
    const within = (env: Record<string, string>): Pod['runner'] => createRunner(the.pod.execAs({ env }));
    const { uid } = await the.inspect();
    assert.equal(
      await inspect(the.pod.runner, '/proc/none'),
      `DirectoryNotCreatable: uid ${uid} may not create or write /proc/none`,
    );
    assert.match(await inspect(within({ PGDATA: '/nonexistent' }), the.pod.dir), /^NoDataDirectory: .*\/nonexistent/);
    const answer = await the.start('blocked', { dir: '/proc/none' });
    assert.ok(answer.state === 'refused' && answer.reason === 'obstacle', JSON.stringify(answer));
    assert.match(answer.detail, /^DirectoryNotCreatable /);
    const walg = join(the.pod.root, 'bin/wal-g');
    const script = readFileSync(walg, 'utf8');
    rmSync(walg);
    const without = await inspect(the.pod.runner, the.pod.dir);
    writeFileSync(walg, script, { mode: 0o755 });
    assert.match(without, /^NoWalg: wal-g is not in the PATH/);
  });

  if (isRoot) {
    test('another user than the owner is refused; root becomes the owner and hands over an empty directory', async () => {
      const stranger = createRunner(the.pod.execAs({ uid: 12_345, gid: 12_345 }));
      const { obstacle } = value(await stranger.inspect(target, { dir: the.pod.dir }));
      assert.deepEqual(obstacle, {
        kind: 'WrongUser',
        detail: `exec user 12345 is not the owner ${owner.uid} of ${the.pod.pgdata}`,
      });

      const dir = join(the.pod.root, 'volume');
      mkdirSync(dir);
      const root = createRunner(the.pod.execAs({ uid: 0, gid: 0 }));
      the.behave('id -u; exit 0');
      const request = await the.request('as-root', { dir });
      assert.ok('startedAt' in value(await root.start(target, request)));
      await the.quiet();
      const { run } = value(await root.inspect(target, { dir, id: 'as-root', kind: 'backup' }));
      assert.deepEqual([run?.exitCode, run?.log.tail], [0, String(owner.uid)]);
      assert.equal(statSync(dir).uid, owner.uid);
      assert.equal(statSync(join(dir, '.run/as-root/exit')).uid, owner.uid);
    });

    test('root sees the holder that the owner started, and may not work when it cannot become the owner', async () => {
      the.behave(hang);
      await the.start('seen');
      const root = createRunner(the.pod.execAs({ uid: 0, gid: 0 }));
      assert.deepEqual(value(await root.inspect(target, {})).holder, { id: 'seen', kind: 'backup' });
      await the.stop('seen');
      await the.quiet();
      const bound = join(the.pod.root, 'bound');
      mkdirSync(bound);
      writeFileSync(join(bound, 'setpriv'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
      const helpless = createRunner(the.pod.execAs({ uid: 0, gid: 0, env: { PATH: `${bound}:${the.pod.env.PATH}` } }));
      const { obstacle } = value(await helpless.inspect(target, {}));
      assert.equal(obstacle?.kind, 'WrongUser');
      assert.match(obstacle.detail, /^root may not switch to uid/);
    });
  }
});
