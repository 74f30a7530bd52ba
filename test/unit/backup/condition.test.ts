/** `conditions.backup`: a projection of the PgBackups. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { projectBackupCondition } from '../../../functions/backup/condition.ts';
import type { PgBackup } from '../../../functions/domain/resources/pg-backup.ts';
import { PgManager, type BackupCondition, type FinishedRun } from '../../../functions/domain/resources/pg-manager.ts';
import { rfc3339 } from '../../../functions/domain/time.ts';
import { aBackup, aManager, slot, type BackupBuilder } from '../../support/situations/objects.ts';

function success(name: string, finish = slot): BackupBuilder {
  return aBackup(name)
    .succeeded(finish)
    .status({ startTime: rfc3339(finish - 60), size: '1.4 GiB', backup: { name: `base_${name}` } });
}

function failed(name: string, reason = 'WalgError', finish = slot): BackupBuilder {
  return aBackup(name)
    .failed(reason, `${reason}: for a test\nfull log`)
    .status({ finishTime: rfc3339(finish) });
}

const running = aBackup('now').status({ state: 'running', message: 'wal-g is running' });

interface Case {
  readonly unfinished?: readonly BackupBuilder[];
  readonly history?: readonly BackupBuilder[];
  readonly stored?: BackupCondition;
  readonly want: BackupCondition;
}

const entry: FinishedRun = { finishTime: rfc3339(slot), name: 'a', startTime: rfc3339(slot - 60), state: 'success' };
const lastSuccess = { name: 'a', uid: 'uid-a', finishTime: rfc3339(slot) };
const stored: BackupCondition = {
  status: 'ok',
  log: [entry],
  message: 'base_a stored and restorable, 1.4 GiB',
  lastSuccess,
};

const cases: Readonly<Record<string, Case>> = {
  'no PgBackup yet: nothing is said': { history: [], want: {} },
  'a success': { history: [success('a')], want: stored },
  'a failure after a success': {
    history: [success('a'), failed('b', 'WalgError', slot + 1)],
    want: {
      status: 'error',
      log: [{ finishTime: rfc3339(slot + 1), name: 'b', reason: 'WalgError', state: 'error' }, entry],
      message: 'WalgError: for a test',
      lastSuccess,
    },
  },
  'AlreadyRunning is in the log and changes no verdict': {
    history: [success('a'), failed('b', 'AlreadyRunning', slot + 1)],
    want: {
      ...stored,
      log: [{ finishTime: rfc3339(slot + 1), name: 'b', reason: 'AlreadyRunning', state: 'error' }, entry],
    },
  },
  'AlreadyRunning alone is no verdict': {
    history: [failed('b', 'AlreadyRunning')],
    want: { log: [{ finishTime: rfc3339(slot), name: 'b', reason: 'AlreadyRunning', state: 'error' }] },
  },
  'a running one beats an older one that waits': {
    unfinished: [
      aBackup('older')
        .created(slot - 60)
        .status({ state: 'pending' }),
      running,
    ],
    stored,
    want: { ...stored, status: 'running', message: 'wal-g is running', running: 'now' },
  },
  'one without status is pending': {
    unfinished: [aBackup('new')],
    want: { status: 'pending', message: 'new is pending', running: 'new' },
  },
  'of those that wait the oldest is named': {
    unfinished: [aBackup('young'), aBackup('old').created(slot - 60)],
    want: { status: 'pending', message: 'old is pending', running: 'old' },
  },
  'a success of a pod whose clock was years ahead hides no later failure': {
    history: [success('a', slot + 300_000_000), failed('b', 'NoPodAccess', slot + 86_400).created(slot + 86_400)],
    want: {
      status: 'error',
      log: [
        { finishTime: rfc3339(slot + 86_400), name: 'b', reason: 'NoPodAccess', state: 'error' },
        { ...entry, finishTime: rfc3339(slot + 300_000_000), startTime: rfc3339(slot + 300_000_000 - 60) },
      ],
      message: 'NoPodAccess: for a test',
      lastSuccess: { ...lastSuccess, finishTime: rfc3339(slot + 300_000_000) },
    },
  },
  'nor does it stay the last success when a later one is there': {
    history: [success('a', slot + 300_000_000), success('b', slot + 86_400).created(slot + 86_400)],
    want: {
      status: 'ok',
      log: [
        { finishTime: rfc3339(slot + 86_400), name: 'b', startTime: rfc3339(slot + 86_340), state: 'success' },
        { ...entry, finishTime: rfc3339(slot + 300_000_000), startTime: rfc3339(slot + 300_000_000 - 60) },
      ],
      message: 'base_b stored and restorable, 1.4 GiB',
      lastSuccess: { name: 'b', uid: 'uid-b', finishTime: rfc3339(slot + 86_400) },
    },
  },
  'one without a finish time is older than one with it, of those created in one second': {
    history: [failed('z').status({ finishTime: undefined }), success('a')],
    want: { ...stored, log: [entry, { finishTime: '', name: 'z', reason: 'WalgError', state: 'error' }] },
  },
  'a success without finish time, size and name of its backup': {
    history: [aBackup('a').status({ state: 'success' })],
    want: {
      status: 'ok',
      log: [{ finishTime: '', name: 'a', state: 'success' }],
      message: 'a stored and restorable',
      lastSuccess: { ...lastSuccess, finishTime: '' },
    },
  },
  'a failure without a message': {
    history: [aBackup('a').status({ state: 'error' })],
    want: { status: 'error', log: [{ finishTime: '', name: 'a', state: 'error' }], message: '' },
  },
  'without a new history the stored past stays': { stored, want: stored },
  'a run that was deleted after a failure': {
    stored: { status: 'running', running: 'gone', log: [{ ...entry, state: 'error' }, entry] },
    want: { status: 'error', log: [{ ...entry, state: 'error' }, entry] },
  },
  'a run that was deleted after one that came too late': {
    stored: {
      status: 'running',
      running: 'gone',
      log: [{ ...entry, reason: 'AlreadyRunning', state: 'error' }, entry],
    },
    want: { status: 'ok', log: [{ ...entry, reason: 'AlreadyRunning', state: 'error' }, entry] },
  },
  'a first run that was deleted leaves nothing': { stored: { status: 'running', running: 'gone' }, want: {} },
  'a run that was deleted leaves the verdict of its log': {
    stored: { ...stored, status: 'running', message: 'wal-g is running', running: 'gone' },
    want: { status: 'ok', log: [entry], lastSuccess },
  },
};

function built(builders: readonly BackupBuilder[] = []): PgBackup[] {
  return builders.map((builder) => builder.build());
}

for (const [name, { unfinished, history, stored: before, want }] of Object.entries(cases)) {
  test(name, () => {
    const facts = { unfinished: built(unfinished), history: history === undefined ? undefined : built(history) };
    assert.deepEqual(projectBackupCondition(facts, before), want);
  });
}

test('the log has the five newest, newest first, and describe shows their keys in order', () => {
  const history = Array.from({ length: 8 }, (_, index) => success(`b-${index}`, slot + index));
  const { log = [], lastSuccess: last } = projectBackupCondition(
    { unfinished: [], history: built(history) },
    undefined,
  );
  assert.deepEqual(
    log.map(({ name }) => name),
    ['b-7', 'b-6', 'b-5', 'b-4', 'b-3'],
  );
  assert.equal(last?.name, 'b-7');
  const keys = Object.keys(log[0] ?? {});
  assert.deepEqual(keys, keys.toSorted());
});

test('whatever the order in which PgBackups are listed, the projection is the same, and it survives being stored', () => {
  const backup = fc
    .record({ id: fc.integer({ min: 0, max: 30 }), finish: fc.integer({ min: 0, max: 5 }), ok: fc.boolean() })
    .map(({ id, finish, ok }) =>
      ok ? success(`b-${id}`, slot + finish) : failed(`b-${id}`, 'WalgError', slot + finish),
    );
  const some = fc.uniqueArray(backup, { selector: (builder) => builder.build().metadata.name, maxLength: 12 });
  const listed = some.chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })));
  fc.assert(
    fc.property(listed, ([one, other]) => {
      const condition = projectBackupCondition({ unfinished: [], history: built(one) }, undefined);
      assert.deepEqual(projectBackupCondition({ unfinished: [], history: built(other) }, undefined), condition);
      const read = PgManager.parse(
        aManager()
          .condition('backup', { ...condition })
          .object(),
      ).status.conditions.backup;
      assert.deepEqual(read, condition);
      assert.deepEqual(projectBackupCondition({ unfinished: [] }, read), condition);
    }),
  );
});
