/** Each invariant of the fault matrix can break: made-up final states, each wrong in one way. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rfc3339 } from '../../functions/domain/time.ts';
import { executor } from '../support/situations/rotation.ts';
import { aManager, slot, type ManagerBuilder } from '../support/situations/objects.ts';
import { breaksOf } from './invariants.ts';
import type { BackupHistory, Seen } from './seen.ts';

const secret = 'hush';
const slotTime = rfc3339(slot);
const names = ['base_000000010000000000000002', 'base_000000010000000000000004', 'base_000000010000000000000006'];

/** The oldest of three successes was deleted by a rotation, and one backup failed: all is well. */
const well: Seen = {
  manager: manager().build(),
  slots: [slotTime],
  backups: [success(0, { deleted: true }), success(1), success(2, { slot: slotTime }), failed()],
  stored: [entry(1), entry(2)],
  calls: ['day-0', 'day-1', 'day-2', 'failed'].map((run) => ({
    kind: 'backup-push',
    run: `${run}/backup`,
    overlaps: undefined,
  })),
  alive: [],
  lockIsHeld: false,
  timers: ['aidboxops-slot-uid-pg-manager'],
  events: [...eventsOf('day-1'), ...eventsOf('day-2'), ...eventsOf('failed', 'Warning WalgError')],
  announced: [
    ...['day-0/started', 'day-0/succeeded', 'day-1/started', 'day-1/succeeded', 'day-2/started', 'day-2/succeeded'],
    ...['failed/started', 'failed/failed', 'uid-pg-manager/rotation/day-2-1/success'],
  ].map((id) => ({ id, type: 'pg.aidbox', facts: ['same', 'same'] })),
  texts: '',
  secret,
};

function manager(): ManagerBuilder {
  return aManager()
    .keeping(2)
    .condition('backup', {
      status: 'ok',
      lastSuccess: { name: 'day-2', uid: 'day-2', finishTime: slotTime },
      log: ['day-2', 'failed', 'day-1'].map((name) => ({ name, finishTime: slotTime, state: 'success' })),
    })
    .condition('rotation', {
      status: 'ok',
      servedBackup: 'day-2',
      log: [{ id: 'day-2-1', startTime: slotTime, finishTime: slotTime, state: 'success' }],
    });
}

function success(day: number, change: Partial<BackupHistory> = {}): BackupHistory {
  const uid = `day-${day}`;
  const status = {
    state: 'success',
    announced: 'success',
    startTime: slotTime,
    backup: { name: names[day]! },
  } as const;
  return { ...backup(uid, status), ...change };
}

function failed(): BackupHistory {
  return backup('failed', { state: 'error', reason: 'WalgError', announced: 'error', startTime: slotTime });
}

function backup(uid: string, status: BackupHistory['status']): BackupHistory {
  const states = ['pending', 'running', status.state].map((state) => ({ state, finishTime: undefined }));
  return { uid, name: uid, slot: undefined, states, status, deleted: false };
}

function entry(day: number): Seen['stored'][number] {
  return { name: names[day]!, uid: `day-${day}`, missingWal: [] };
}

function eventsOf(uid: string, end = 'Normal BackupSucceeded'): Seen['events'] {
  return ['Normal BackupStarted', end].map((text) => {
    const [type = '', reason = ''] = text.split(' ');
    return { uid, type, reason };
  });
}

/** All backups but one, and that one changed. */
function withBackup(uid: string, change: Partial<BackupHistory>): Seen['backups'] {
  return well.backups.map((one) => (one.uid === uid ? { ...one, ...change } : one));
}

const push = { kind: 'backup-push', run: 'day-2/backup', overlaps: undefined };
const running = { state: 'running', startTime: slotTime } as const;
const rotating = { id: 'day-2-1', startTime: slotTime, executor: executor(slot) };

const wrong: readonly { readonly what: string; readonly change: Partial<Seen>; readonly wanted: readonly RegExp[] }[] =
  [
    {
      what: 'I1 two PgBackups for one slot',
      change: { backups: withBackup('day-1', { slot: slotTime }) },
      wanted: [/^I1: slot .* has 2 PgBackups/],
    },
    {
      what: 'I1 a slot that was lost silently',
      change: { slots: [slotTime, rfc3339(slot + 86_400)] },
      wanted: [/^I1: slot 2022-01-03T06:00:00Z has 0 PgBackups and is recorded as missed 0 times$/],
    },
    {
      what: 'I1 a slot that was run and is recorded as missed',
      change: {
        manager: manager()
          .schedule({
            at: '06:00:00',
            suspended: false,
            since: slotTime,
            missed: { count: 1, last: [{ slot: slotTime, first: slotTime, count: 1, reason: 'NameTaken' }] },
          })
          .build(),
      },
      wanted: [/^I1: slot .* is recorded as missed 1 times$/, /^I10: uid-pg-manager\/missed\/.* was never announced$/],
    },
    {
      what: 'I1 wal-g started twice for one run',
      change: { calls: [...well.calls, push] },
      wanted: [/^I1: wal-g was started more than once for run day-2\/backup$/],
    },
    {
      what: 'I2 two at once',
      change: { calls: [{ kind: 'delete', run: 'day-2-1/rotation', overlaps: '4711' }] },
      wanted: [/^I2: delete of day-2-1\/rotation began while wal-g 4711 was alive$/],
    },
    {
      what: 'I3 a success that is not stored',
      change: { stored: [entry(1)] },
      wanted: [
        /^I3: day-2 is in success and is stored 0 times$/,
        /^I6: .* is one of the newest proven backups and is gone$/,
      ],
    },
    {
      what: 'I3 a success that a rotation deleted that says it is done',
      change: { manager: deleting('ok'), stored: [entry(2)] },
      wanted: [/^I3: day-1 is in success and is stored 0 times$/],
    },
    {
      what: 'I3 a success that is stored twice',
      change: { stored: [...well.stored, { ...entry(2), name: 'base_000000010000000000000008' }] },
      wanted: [/^I3: day-2 is in success and is stored 2 times$/],
    },
    {
      what: 'I3 a success without its WAL',
      change: { stored: [entry(1), { ...entry(2), missingWal: ['000000010000000000000006'] }] },
      wanted: [/^I3: day-2 .* its WAL is not stored: 000000010000000000000006$/],
    },
    {
      what: 'I3 a stored backup that belongs to nobody',
      change: { stored: [...well.stored, { name: 'base_000000010000000000000005', uid: undefined, missingWal: [] }] },
      wanted: [/^I3: .* belongs to no finished PgBackup$/],
    },
    {
      what: 'I4 a terminal state that was left',
      change: {
        backups: withBackup('day-2', {
          states: [
            { state: 'error', finishTime: slotTime },
            { state: 'success', finishTime: slotTime },
          ],
        }),
      },
      wanted: [/^I4: day-2 left a terminal state: error .* → success/],
    },
    {
      what: 'I4 a terminal state whose time was changed',
      change: {
        backups: withBackup('day-2', {
          states: [
            { state: 'success', finishTime: slotTime },
            { state: 'success', finishTime: rfc3339(slot + 1) },
          ],
        }),
      },
      wanted: [/^I4: day-2 left a terminal state/],
    },
    {
      what: 'I5 a PgBackup that never ends',
      change: {
        backups: [...well.backups, backup('stuck', running)],
      },
      wanted: [/^I5: stuck is running: /],
    },
    {
      what: 'I7 a last success that is not the newest',
      change: {
        manager: manager()
          .condition('backup', {
            ...manager().build().status.conditions.backup,
            status: 'ok',
            lastSuccess: { name: 'day-1', uid: 'day-1', finishTime: slotTime },
          })
          .build(),
      },
      wanted: [/^I7: the last success of the manager is day-1, the newest is day-2$/],
    },
    {
      what: 'I5 a wal-g that was left',
      change: { alive: ['day-2/backup'] },
      wanted: [/^I5: a process of run day-2\/backup is alive$/],
    },
    {
      what: 'I5 a lock that was left',
      change: { lockIsHeld: true },
      wanted: [/^I5: the lock of the data directory is held$/],
    },
    {
      what: 'I5 a rotation that never ends',
      change: { manager: manager().condition('rotation', { status: 'pending', running: rotating }).build() },
      wanted: [/^I5: conditions.rotation says that day-2-1 is running$/],
    },
    {
      what: 'I6 a kept backup that was deleted',
      change: { backups: withBackup('day-1', { deleted: true }), stored: [entry(2)] },
      wanted: [/^I6: base_000000010000000000000004 is one of the newest proven backups and is gone$/],
    },
    {
      what: 'I6 more backups than numberToRetain after a rotation',
      change: { backups: withBackup('day-0', { deleted: false }), stored: [entry(0), ...well.stored] },
      wanted: [
        /^I6: 3 proven backups are stored, numberToRetain is 2$/,
        /^I7: day-0 is in the history/,
        /^I10: Events of day-0/,
      ],
    },
    {
      what: 'I6 a PgBackup that was removed before its backup',
      change: { stored: [entry(0), ...well.stored] },
      wanted: [/^I6: 3 proven backups/, /^I6: day-0 was removed although its backup is stored$/],
    },
    {
      what: 'I7 a timer that was left',
      change: { timers: [...well.timers, 'aidboxops-backup-day-2'] },
      wanted: [/^I7: timer aidboxops-backup-day-2 is left$/],
    },
    { what: 'I9 a secret', change: { texts: `password is ${secret}!` }, wanted: [/^I9: a secret can be read$/] },
    {
      what: 'I10 an end that nobody was told of',
      change: { announced: well.announced.filter(({ id }) => id !== 'day-2/succeeded') },
      wanted: [/^I10: the end of day-2 was never announced$/],
    },
    {
      what: 'I10 an end that was told as another',
      change: { announced: [...well.announced, { id: 'day-2/failed', type: 'pg.aidbox', facts: [] }] },
      wanted: [/^I10: day-2 ended in success, announced was day-2\/failed$/],
    },
    {
      what: 'I10 one id for two facts',
      change: { announced: [...well.announced, { id: 'other', type: 'pg.aidbox', facts: ['this', 'that'] }] },
      wanted: [/^I10: id other stood for different facts: this \/ that$/],
    },
    {
      what: 'I10 a Kubernetes Event too many',
      change: { events: [...well.events, { uid: 'day-2', type: 'Warning', reason: 'WalgError' }] },
      wanted: [/^I10: Events of day-2: .*Warning WalgError/],
    },
    {
      what: 'I10 a rotation that nobody was told of',
      change: { announced: well.announced.filter(({ id }) => !id.includes('/rotation/')) },
      wanted: [/^I10: uid-pg-manager\/rotation\/day-2-1\/success was never announced$/],
    },
  ];

/** One is kept, and `day-1` was to go. */
function deleting(status: 'ok' | 'error'): Seen['manager'] {
  const planned = { id: 'day-2-1', cut: names[2]!, names: [names[1]!] };
  return manager().keeping(1).condition('rotation', { status, planned }).build();
}

test('a failed rotation may have deleted what it was told to', () => {
  assert.deepEqual(breaksOf({ ...well, manager: deleting('error'), stored: [entry(2)] }), []);
});

test('a final state in which all is well breaks nothing', () => {
  assert.deepEqual(breaksOf(well), []);
});

for (const { change, wanted, what } of wrong) {
  test(`${what} is a break, and the only one`, () => {
    const breaks = breaksOf({ ...well, ...change });
    assert.equal(breaks.length, wanted.length, breaks.join('\n'));
    for (const [at, pattern] of wanted.entries()) assert.match(breaks[at] ?? '', pattern);
  });
}
