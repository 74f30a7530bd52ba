/** What the caller makes of any answer, and what it sends: no container involved. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { ExecOptions, ExecResult } from '../../functions/platform/kubernetes/exec.ts';
import type { StartRequest } from '../../functions/domain/run/protocol.ts';
import { catalogueHash, createRunner, type Runner } from '../../functions/platform/run/runner.ts';

const pod = { namespace: 'pgnamespace', pod: 'postgres-0', container: 'postgres' };
const run = { id: 'u1', kind: 'backup', dir: '/PgBackup' } as const;
const identity = { host: 'postgres-0', ticks: '726898', boot: 'b-1', postmaster: '1795422913' };
const [notAfter, timeoutSeconds] = [1_795_423_000, 43_200];
const request: StartRequest = {
  ...run,
  identity,
  notAfter,
  timeoutSeconds,
  name: 'first',
  userData: '{"aidboxops":{"uid":"u1"}}',
};

function answering(stdout: string): Runner {
  return createRunner(() => Promise.resolve({ kind: 'done', exitCode: 0, stdout, stderr: '' }));
}

const calls: Record<string, (runner: Runner) => Promise<{ ok: boolean }>> = {
  inspect: (runner) => runner.inspect(pod, run),
  start: (runner) => runner.start(pod, request),
  stop: (runner) => runner.stop(pod, run),
  catalogue: (runner) => runner.catalogue(pod),
  probe: (runner) => runner.probe(pod, { dir: '/PgBackup' }),
  prune: (runner) => runner.prune(pod, { dir: '/PgBackup', runs: [{ id: 'u1' }] }),
};

async function problemOf(answer: Promise<object>): Promise<unknown> {
  const result = (await answer) as { problem?: { kind: string; message: string } };
  return result.problem;
}

describe('answers', () => {
  const endings: [result: ExecResult, want: string][] = [
    [{ kind: 'forbidden', message: 'no' }, 'forbidden'],
    [{ kind: 'not-found', message: 'no' }, 'not-found'],
    [{ kind: 'transient', message: 'no' }, 'transient'],
    [{ kind: 'unknown', message: 'no' }, 'unknown'],
    [{ kind: 'timeout' }, 'timeout'],
  ];
  for (const [name, call] of Object.entries(calls)) {
    test(`${name}: an exec without an answer keeps its kind`, async () => {
      for (const [result, want] of endings) {
        const problem = (await problemOf(call(createRunner(() => Promise.resolve(result))))) as { kind: string };
        assert.equal(problem.kind, want);
      }
    });

    test(`${name}: without end=1 there is no answer; a start may have happened all the same`, async () => {
      const want = name === 'start' ? 'unknown' : 'transient';
      for (const stdout of ['', 'now=1\nstate=running\nstarted=1\n', 'now=1\nstate=gone\nend=12\n', 'end=1']) {
        const problem = (await problemOf(call(answering(stdout)))) as { kind: string };
        assert.equal(problem?.kind, want, stdout);
      }
    });

    test(`${name}: no output whatever makes it reject`, async () => {
      const key = fc.constantFrom(
        'now',
        'uid',
        'state',
        'started',
        'holder',
        'obstacle',
        'exit',
        'sysid',
        'ready',
        'control',
        'timeline',
        'status',
        'signal',
        'pgdata',
        'read',
        'bytes',
        'archiver',
        'detail',
        'detail_code',
        '__proto__',
        'x',
      );
      const hostile = fc.oneof(
        fc.string(),
        fc.constantFrom(
          '0',
          '1',
          '-1',
          '1e9',
          'running',
          'exited',
          'ready',
          'ok',
          '99999999999999999999',
          'NoWalg x',
          'a/b/c',
        ),
      );
      const line = fc.tuple(key, hostile).map(([name, value]) => `${name}=${value}`);
      await fc.assert(
        fc.asyncProperty(fc.array(fc.oneof(line, fc.string({ unit: 'binary' }))), async (lines) => {
          assert.equal(typeof (await call(answering([...lines, 'end=1', ''].join('\n')))).ok, 'boolean');
        }),
        { numRuns: 200 },
      );
    });
  }

  test('an inspection in full', async () => {
    const stdout = `now=1795423100
uid=999
pgdata=/var/lib/postgresql/data
obstacle=
holder=u2-3/rotation
host=postgres-0
ticks=726898
boot=b-1
postmaster=1795422913
sysid=18446744073709551615
status=stopping
control=5
signal=recovery.conf
timeline=0000001F
tombstone=1
state=exited
started=1795423000
exit=1
ended=1795423090
deadline=1
bytes=40000
head=first\tline\u001b[31m
head=
tail=ERROR: end=1
tail=
first_error=ERROR: end=1
last_error=
future=ignored
end=1
`;
    assert.deepEqual(await answering(stdout).inspect(pod, run), {
      ok: true,
      value: {
        podTime: 1_795_423_100,
        identity,
        stopping: true,
        uid: 999,
        pgdata: '/var/lib/postgresql/data',
        systemIdentifier: '18446744073709551615',
        role: 'stopping',
        timeline: 31,
        signal: 'recovery.conf',
        holder: { id: 'u2-3', kind: 'rotation' },
        run: {
          id: 'u1',
          kind: 'backup',
          state: 'exited',
          exitCode: 1,
          startedAt: 1_795_423_000,
          endedAt: 1_795_423_090,
          deadlineHit: true,
          tombstone: true,
          catalogueChanged: false,
          log: { head: 'first\tline [31m', tail: 'ERROR: end=1', bytes: 40_000 },
          firstError: 'ERROR: end=1',
        },
      },
    });
  });

  test('usage text instead of a list is no list, whatever the exit code', async () => {
    const answer = await answering(
      'now=1\nsysid=5\ndetail=Usage: wal-g [command]\ndetail_code=0\nwal=null \nwal_code=0\nend=1\n',
    ).catalogue(pod);
    assert.deepEqual(answer, {
      ok: true,
      value: { podTime: 1, systemIdentifier: '5', plain: false, ready: [], readyTotal: 0, wal: '[]' },
    });
  });

  test('nothing printed and exit 0 is an empty list of backups (wal-g 1.1), but tells nothing about WAL', async () => {
    const answer = await answering('now=1\nsysid=5\ndetail=\ndetail_code=0\nwal=\nwal_code=0\nend=1\n').catalogue(pod);
    assert.ok(answer.ok);
    assert.deepEqual([answer.value.backups, answer.value.wal], ['[]', undefined]);
  });

  test('H132 timeline and history are as the pod says them', async () => {
    const lines = 'timeline=0000000A\nhistory=1\t0/5000000\tx=y\nhistory=9\t1/0\tno recovery target\n';
    const answer = await answering(`now=1\nsysid=5\n${lines}end=1\n`).catalogue(pod);
    assert.ok(answer.ok);
    assert.equal(answer.value.timeline, 10);
    assert.deepEqual(answer.value.history, ['1\t0/5000000\tx=y', '9\t1/0\tno recovery target']);
  });

  test('a start that was not seen to begin is unknown', async () => {
    const problem = await problemOf(answering('now=1\nstate=starting\nend=1\n').start(pod, request));
    assert.deepEqual(problem, {
      kind: 'unknown',
      message: 'answer not understood: Error: the run was not seen to begin within 5 s',
    });
  });

  test('an obstacle explains why there is no catalogue', async () => {
    const answer = await answering(
      'now=1\nuid=\nsysid=\nobstacle=WrongUser exec user 5 is not the owner 999\nholder=\nend=1\n',
    ).catalogue(pod);
    assert.ok(answer.ok);
    assert.equal(answer.value.error, 'WrongUser: exec user 5 is not the owner 999');
    assert.equal(answer.value.backups, undefined);
  });

  test('argv: the script as one argument, then what it was decided from; deadlines by command', async () => {
    const seen: { argv: readonly string[]; options: ExecOptions }[] = [];
    const runner = createRunner((_target, argv, options) => {
      seen.push({ argv, options });
      return Promise.resolve({ kind: 'timeout' });
    });
    await runner.start(pod, request);
    const names = ['base_B', 'base_A'];
    await runner.start(pod, { ...run, identity, notAfter, timeoutSeconds, kind: 'rotation', cut: 'base_B', names });
    await runner.catalogue(pod);
    await runner.inspect(pod);
    await runner.prune(pod, { dir: '/d', runs: [{ id: 'a', name: 'n' }, { id: 'b' }] });
    const common = [
      'dir=/PgBackup',
      'host=postgres-0',
      'ticks=726898',
      'boot=b-1',
      'postmaster=1795422913',
      'notafter=1795423000',
      'timeout=43200',
    ];
    assert.deepEqual(
      seen.map(({ argv, options }) => [...argv.slice(0, 4), ...argv.slice(5), options.timeoutMs, options.untilEnd]),
      [
        ['start', 'id=u1', 'kind=backup', ...common, 'name=first', 'userdata={"aidboxops":{"uid":"u1"}}', 20_000, true],
        ['start', 'id=u1', 'kind=rotation', ...common, 'cut=base_B', `names=${catalogueHash(names)}`, 20_000, true],
        ['catalogue', 45_000, true],
        ['inspect', 20_000, true],
        ['prune', 'dir=/d', 'name=n', 'id=a', 'id=b', 20_000, true],
      ].map((want) => ['sh', '-c', 'eval "$1"', 'sh', ...want]),
    );
  });

  test('the hash of a catalogue is that of its sorted names, whatever their order', () => {
    const want = createHash('sha256').update('base_A\nbase_A_D_B\nbase_B').digest('hex');
    assert.equal(catalogueHash(['base_B', 'base_A_D_B', 'base_A']), want);
    assert.equal(catalogueHash([]), createHash('sha256').digest('hex'));
  });
});
