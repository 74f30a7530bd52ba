/** What a person reads while the environment is set up and works. */
import assert from 'node:assert/strict';
import { describe, it, mock } from 'node:test';
import { createDisplay } from '../../local/demo/display.ts';
import { backupLine, failureOf, managerLine, missingOf, type Backup, type Manager } from '../../local/demo/progress.ts';
import type { TraceEvent } from '../../local/knative/index.ts';
import { createProgress, durationText } from '../../local/machine/progress.ts';

describe('progress of the set-up', () => {
  it('adds a line for each part where there is no terminal', () => {
    const written: string[] = [];
    const progress = createProgress({ write: (text) => written.push(text) });
    progress.part('etcd').done('cache');
    progress.part('wal-g').failed('install gcc to build it');
    progress.say('up');
    assert.deepEqual(written, [
      '  ✓ etcd             cache (0.0 s)\n',
      '  ✗ wal-g            install gcc to build it (0.0 s)\n',
      'up\n',
    ]);
  });

  it('rewrites the line of the current part on a terminal', () => {
    const written: string[] = [];
    const progress = createProgress({ isTTY: true, columns: 30, write: (text) => written.push(text) });
    progress.part('kube-apiserver').done('built v1.34.4');
    const [first, last] = written;
    assert.equal(first, '\r\x1b[K  … kube-apiserver   (0.0 s)');
    assert.equal(last, '\r\x1b[K  ✓ kube-apiserver   built v1.34.4 (0.0 s)\n');
  });

  it('gives a message its own line on a terminal', () => {
    const written: string[] = [];
    const progress = createProgress({ isTTY: true, columns: 40, write: (text) => written.push(text) });
    const part = progress.part('etcd');
    progress.say('no download');
    part.done();
    assert.deepEqual(written.slice(0, 2), ['\r\x1b[K  … etcd             (0.0 s)', '\r\x1b[Kno download\n']);
  });

  it('keeps the time whole when the detail is too long for the terminal', () => {
    const written: string[] = [];
    const progress = createProgress({ isTTY: true, columns: 40, write: (text) => written.push(text) });
    mock.timers.enable({ apis: ['setInterval'] });
    try {
      const part = progress.part('wal-g');
      part.update('300 of up to 1024 packages, usually 1 to 4 min');
      mock.timers.tick(200);
    } finally {
      mock.timers.reset();
    }
    assert.equal(written.at(-1), '\r\x1b[K  … wal-g            300 of up… (0.0 s)');
    assert.equal(written.at(-1)?.replace('\r\x1b[K', '').length, 39);
  });

  it('shows durations as people say them', () => {
    assert.deepEqual([40, 9_949, 12_400, 193_000].map(durationText), ['0.0 s', '9.9 s', '12 s', '3 min 13 s']);
  });
});

describe('live lines', () => {
  const event = {
    id: '1',
    type: 'dev.knative.sources.ping',
    source: '/apis/v1/namespaces/demo/pingsources/x',
    extensions: { pgpurpose: 'slot', pgnamespace: 'demo', pgname: 'pg-manager' },
  };
  const cases: { traceEvent: TraceEvent; want: string }[] = [
    {
      traceEvent: { kind: 'event', broker: 'b', event, triggers: ['t'] },
      want: '   2.0 s  event     dev.knative.sources.ping  slot demo pg-manager\n',
    },
    {
      traceEvent: {
        kind: 'delivery',
        event,
        trigger: 'a/t',
        function: 'schedule',
        status: 503,
        durationMs: 46.4,
        attempt: 1,
        retryInMs: 1_000,
      },
      want: '   2.0 s  handled   dev.knative.sources.ping  by schedule: 503 in 46 ms, again in 1000 ms\n',
    },
    {
      traceEvent: { kind: 'process', function: 'backup', state: 'starting', from: 0, to: 1, pid: 7 },
      want: '   2.0 s  process   backup  0 → 1, pid 7\n',
    },
    { traceEvent: { kind: 'process', function: 'backup', state: 'running', from: 1, to: 1, pid: 7 }, want: '' },
    {
      traceEvent: {
        kind: 'process',
        function: 'backup',
        state: 'ended',
        from: 1,
        to: 0,
        pid: 7,
        detail: 'exit code 0',
      },
      want: '   2.0 s  process   backup  1 → 0, pid 7\n',
    },
  ];
  for (const { traceEvent, want } of cases) {
    it(`${traceEvent.kind}: ${want.trim() === '' ? 'no line' : want.trim()}`, () => {
      let written = '';
      let clock = 0;
      const display = createDisplay(
        (text) => (written += text),
        () => clock,
      );
      clock = 2_000;
      display.trace(traceEvent);
      assert.equal(written, want);
    });
  }
});

describe('what a round still needs', () => {
  const scheduledBackup: Backup = {
    metadata: { name: 's', labels: { 'aidbox.pg/manager': 'm' } },
    status: { state: 'success', message: 'Job finished in 1 second.\nINFO …' },
  };
  const done: Manager = {
    metadata: { name: 'm' },
    status: {
      schedule: { nextSlot: '2022-01-03T06:00:00Z' },
      conditions: {
        backup: { status: 'ok', lastSuccess: { uid: 'u' } },
        rotation: { status: 'ok', servedBackup: 'u' },
        storage: { status: 'ok', state: 'available' },
      },
    },
  };

  it('is everything at first, and nothing at the end', () => {
    assert.equal(missingOf(undefined, []).length, 4);
    assert.deepEqual(missingOf(done, [scheduledBackup]), []);
  });

  it('is a rotation as long as it has not served the last success', () => {
    const conditions = { ...done.status?.conditions, rotation: { status: 'ok', servedBackup: 'older' } };
    assert.deepEqual(missingOf({ ...done, status: { ...done.status, conditions } }, [scheduledBackup]), [
      'conditions.rotation ok, for the last success',
    ]);
  });

  it('is hopeless when a backup has failed', () => {
    const failed: Backup = { metadata: { name: 'x' }, status: { state: 'error', message: 'WalgError: no' } };
    assert.equal(failureOf([scheduledBackup, failed]), 'PgBackup x failed: WalgError: no');
    assert.equal(failureOf([scheduledBackup]), undefined);
  });

  it('reads in one line', () => {
    assert.equal(
      managerLine(done),
      'PgManager m: backup ok, rotation ok, storage available, next 2022-01-03T06:00:00Z',
    );
    assert.equal(backupLine(scheduledBackup), 'PgBackup s: success: Job finished in 1 second.');
  });
});
