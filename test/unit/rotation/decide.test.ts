/** Situation → what is written and what comes next. Numbers are those of the traces that break naive versions. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Command, Decision } from '../../../functions/domain/commands/command.ts';
import type { RotationCondition } from '../../../functions/domain/resources/pg-manager.ts';
import { rfc3339 } from '../../../functions/domain/time.ts';
import { decide } from '../../../functions/rotation/decide.ts';
import type { Observation } from '../../../functions/rotation/observation.ts';
import { brief } from '../../support/situations/brief.ts';
import { podGone, sawNothing } from '../../support/situations/pod.ts';
import {
  backup,
  catalogue,
  failed,
  listed,
  manager,
  now,
  observe,
  report,
  running,
  saw,
  servedBefore,
  stored,
  success,
  timeOf,
} from '../../support/situations/rotation.ts';

interface Case {
  readonly given: Partial<Observation>;
  /** None unless it says otherwise. */
  readonly wantCommands?: readonly string[];
  /** `again` unless it says otherwise. */
  readonly wantNext?: Decision['next'];
  readonly wantReason?: string;
  /** Fields of the condition that is written. */
  readonly wantCondition?: Partial<RotationCondition>;
  /** What the condition's message must be. */
  readonly wantMessage?: RegExp;
}

function conditionIn(command: Extract<Command, { type: 'applyStatus' }>): RotationCondition {
  return (command.status as { conditions: { rotation: RotationCondition } }).conditions.rotation;
}

function written(commands: readonly Command[]): RotationCondition {
  const found = commands.find((command) => command.type === 'applyStatus');
  assert.ok(found?.type === 'applyStatus', 'no condition is written');
  assert.deepEqual(Object.keys(found.status), ['conditions']);
  assert.equal(found.fieldManager, 'aidboxops-rotation');
  return conditionIn(found);
}

const runs = (attempt = 1): Partial<Observation> => ({ manager: manager({ condition: running(attempt) }) });
const finished = (condition: Partial<RotationCondition>): Observation['manager'] =>
  manager({ condition: servedBefore({ servedBackup: 'uid-day-10', ...condition }) });
const untold = { id: 'uid-day-10-1', outcome: 'success' as const, message: 'x', deleted: [stored(8)], kept: 2 };
const brokenAt = (at: number): RotationCondition['log'] => [
  { finishTime: rfc3339(at), id: 'uid-day-10-1', message: 'failed: x', startTime: rfc3339(at), state: 'error' },
];

const planning: Readonly<Record<string, Case>> = {
  'what is left to a later activation has a timer': {
    given: { firstRound: true, catalogue: undefined },
    wantCommands: ['timer rotation pg-manager'],
    wantNext: 'retry',
  },
  'its own tick shows that the timer is there': {
    given: { firstRound: true, ticked: true, catalogue: undefined },
    wantNext: 'retry',
  },
  'one too many: plan and place are pinned, then the run is started': {
    given: { manager: manager({ condition: servedBefore() }) },
    wantCommands: ['timer rotation pg-manager', 'status pg-manager pending', `start uid-day-10-1 ${stored(9)}`],
    wantCondition: {
      attempt: 1,
      servedBackup: 'uid-day-9',
      planned: { id: 'uid-day-10-1', cut: stored(9), names: [stored(8)] },
    },
    wantMessage: /^deleting 1 of 3 stored backups in postgres-0$/,
  },
  'H38 owed since the event was lost: any hint starts it': {
    given: { manager: manager({ condition: servedBefore() }), now: now + 5000 },
    wantCommands: ['timer rotation pg-manager', 'status pg-manager pending', `start uid-day-10-1 ${stored(9)}`],
  },
  'H45 n greater than what exists: nothing is started, served at once': {
    given: { manager: manager({ retain: 30, condition: servedBefore() }) },
    wantCommands: ['status pg-manager ok'],
    wantCondition: {
      servedBackup: 'uid-day-10',
      outbox: [
        {
          id: 'uid-day-10-1',
          outcome: 'success',
          message: '3 stored, 0 deleted; oldest 2021-12-31T06:06:16Z',
          deleted: [],
          kept: 3,
        },
      ],
    },
    wantMessage: /^3 stored, 0 deleted; oldest 2021-12-31T06:06:16Z$/,
  },
  'dry run: served, nothing is started, nothing is forgotten': {
    given: { manager: manager({ rotation: { mode: 'DryRun' } }) },
    wantCommands: ['status pg-manager dryrun'],
    wantCondition: { servedBackup: 'uid-day-10' },
    wantMessage: new RegExp(`^would delete 1: ${stored(8)}$`),
  },
  'H47 a refusal is served': {
    given: { catalogue: catalogue(listed(8, { user_data: null }), listed(9), listed(10)) },
    wantCommands: [
      'event Warning BackupVanished on day-8',
      'event Warning BackupVanished on pg-manager',
      'status pg-manager error',
    ],
    wantCondition: { servedBackup: 'uid-day-10', missing: ['day-8'] },
    wantMessage: /^refused: 1 of 3 stored backups are not ours \(oldest 2021-12-31\)/,
  },
  'H42 two managers with one selector: refused, nobody looks into the pod': {
    given: {
      firstRound: true,
      managers: [manager(), manager({ name: 'other' })],
      podInspection: undefined,
      catalogue: undefined,
    },
    wantCommands: ['status pg-manager error'],
    wantCondition: { servedBackup: 'uid-day-10' },
    wantMessage: /^refused: ScheduleConflict: 2 PgManagers have the selector "postgres" \(other, pg-manager\)/,
  },
  'H34 a backup is not finished: rotation waits without a timer': {
    given: { backups: [success(10), backup('manual', { state: 'running' })] },
    wantCommands: ['status pg-manager pending'],
    wantMessage: /^waiting for PgBackup manual$/,
  },
  'waiting is written once': {
    given: {
      manager: manager({ condition: { status: 'pending', message: 'waiting for PgBackup manual' } }),
      backups: [success(10), backup('manual', {})],
    },
    wantCommands: ['no timer aidboxops-rotation-uid-pg-manager'],
    wantNext: 'done',
    wantReason: 'BackupUnfinished',
  },
  'the PgBackup of the success is gone: nothing is deleted for it': {
    given: { backups: [success(8), success(9)] },
    wantCommands: ['post look 1/backup/uid-day-10', 'no timer aidboxops-rotation-uid-pg-manager'],
    wantNext: 'done',
    wantReason: 'SuccessGone',
  },
  'the PgBackup that is called the newest success is none: nothing is deleted for it': {
    given: { backups: [success(8), success(9), backup('day-10', { state: 'error', announced: 'error' })] },
    wantCommands: ['post look 1/backup/uid-day-10', 'no timer aidboxops-rotation-uid-pg-manager'],
    wantNext: 'done',
    wantReason: 'SuccessGone',
  },
  'H41 the newest backup is not in the catalogue: no list to delete by': {
    given: { catalogue: catalogue(listed(8), listed(9)) },
    wantCommands: ['status pg-manager error'],
    wantMessage: /^failed: the catalogue \(2 stored\) does not list the newest backup/,
  },
  'H41 bucket changed: one entry, no PgBackup is pruned, each is warned of': {
    given: { catalogue: catalogue(listed(10)) },
    wantCommands: [
      'event Warning BackupVanished on day-8',
      'event Warning BackupVanished on pg-manager',
      'event Warning BackupVanished on day-9',
      'event Warning BackupVanished on pg-manager',
      'status pg-manager ok',
    ],
    wantCondition: { missing: ['day-8', 'day-9'] },
    wantMessage: /^1 stored, 0 deleted; oldest/,
  },
  'H41 those that were warned of before are not warned of again': {
    given: { manager: manager({ condition: { missing: ['day-8', 'day-9'] } }), catalogue: catalogue(listed(10)) },
    wantCommands: ['status pg-manager ok'],
    wantCondition: { missing: ['day-8', 'day-9'] },
  },
  'H41 what an earlier attempt was to delete is not taken for deleted in another bucket': {
    given: {
      manager: manager({
        condition: { planned: { id: 'uid-day-9-1', cut: stored(9), names: [stored(8)] }, missing: ['day-9'] },
      }),
      catalogue: catalogue(listed(10)),
    },
    wantCommands: [
      'event Warning BackupVanished on day-8',
      'event Warning BackupVanished on pg-manager',
      'status pg-manager ok',
    ],
    wantMessage: /^1 stored, 0 deleted/,
  },
  'an attempt that failed had deleted all the same: it is counted now': {
    given: {
      manager: manager({
        condition: servedBefore({ planned: { id: 'uid-day-10-1', cut: stored(9), names: [stored(8)] } }),
      }),
      catalogue: catalogue(listed(9), listed(10)),
    },
    wantCommands: ['status pg-manager ok'],
    wantCondition: { attempt: 2 },
    wantMessage: new RegExp(`^2 stored, 1 deleted \\(${stored(8)}\\); oldest`),
  },
  'what an earlier attempt deleted unseen is not forgotten by the next plan': {
    given: {
      manager: manager({ condition: { planned: { id: 'uid-day-9-1', cut: stored(8), names: [stored(7)] } } }),
      backups: [success(7), success(8), success(9), success(10)],
    },
    wantCommands: ['timer rotation pg-manager', 'status pg-manager pending', `start uid-day-10-1 ${stored(9)}`],
    wantCondition: { planned: { id: 'uid-day-10-1', cut: stored(9), names: [stored(7), stored(8)] } },
  },
  'no time for the catalogue: the event comes again': {
    given: { catalogue: undefined },
    wantNext: 'retry',
    wantReason: 'NoTimeForCatalogue',
  },
  'H47 a pod that is not ready is a failure of this attempt': {
    given: { location: { found: 'notReady', pod: 'postgres-0', state: 'Pending: no node' } },
    wantCommands: ['status pg-manager error'],
    wantCondition: { attempt: 1 },
    wantMessage:
      /^failed: pod postgres-0 is not ready \(Pending: no node\)\. Attempt 1 of 10; it is tried again within half an hour\.$/,
  },
  'H47 storage that cannot be read is a failure of this attempt': {
    given: {
      catalogue: {
        ok: true,
        value: {
          podTime: now,
          systemIdentifier: '1',
          plain: false,
          ready: [],
          readyTotal: 0,
          error: 'ERROR: AccessDenied',
        },
      },
    },
    wantCommands: ['status pg-manager error'],
    wantMessage: /^failed: the catalogue could not be read: ERROR: AccessDenied\. Attempt 1/,
  },
  'H47 the tenth failure is served': {
    given: {
      manager: manager({
        condition: {
          log: [{ finishTime: rfc3339(now - 900), id: 'uid-day-10-9', startTime: rfc3339(now - 900), state: 'error' }],
        },
      }),
      podInspection: sawNothing('transient', 'broken pipe'),
    },
    wantCommands: ['status pg-manager error'],
    wantCondition: { servedBackup: 'uid-day-10', attempt: 10 },
    wantMessage: /Attempt 10 of 10; the next successful backup tries again\.$/,
  },
  'H47 after a failure the timer goes and nothing is tried for ten minutes': {
    given: { manager: manager({ condition: { status: 'error', log: brokenAt(now - 599) } }) },
    wantCommands: ['no timer aidboxops-rotation-uid-pg-manager'],
    wantNext: 'done',
    wantReason: 'RetryLater',
  },
  'H47 the sweep comes later and tries again': {
    given: { manager: manager({ condition: { status: 'error', log: brokenAt(now - 600) } }) },
    wantCommands: ['timer rotation pg-manager', 'status pg-manager pending', `start uid-day-10-2 ${stored(9)}`],
    wantCondition: { attempt: 2 },
  },
  'a newer success is not held up by the failure of an older one, and counts anew': {
    given: {
      manager: manager({
        condition: {
          log: [{ finishTime: rfc3339(now - 1), id: 'uid-day-9-7', startTime: rfc3339(now - 1), state: 'error' }],
        },
      }),
    },
    wantCommands: ['timer rotation pg-manager', 'status pg-manager pending', `start uid-day-10-1 ${stored(9)}`],
  },
  'the lock is held: it is waited for': {
    given: { podInspection: saw({ holder: { id: 'uid-day-10', kind: 'backup' } }), catalogue: undefined },
    wantNext: 'wait',
    wantReason: 'LockHeld',
  },
  'the lock stays held: this attempt fails': {
    given: { podInspection: saw({ holder: 'unknown' }), catalogue: undefined, patient: false },
    wantCommands: ['status pg-manager error'],
    wantMessage: /a process that aidboxops did not start holds the lock of the data directory in postgres-0/,
  },
  'PostgreSQL is not up': {
    given: {
      podInspection: saw({ identity: { host: '', ticks: '', boot: '', postmaster: '' } }),
      catalogue: undefined,
    },
    wantCommands: ['status pg-manager error'],
    wantMessage: /PostgreSQL is not up in postgres-0/,
  },
  'PostgreSQL is shutting down': {
    given: { podInspection: saw({ stopping: true }), catalogue: undefined },
    wantCommands: ['status pg-manager error'],
    wantMessage: /PostgreSQL is shutting down in postgres-0/,
  },
  'nothing is owed: no more than the timer is taken away': {
    given: { manager: finished({}), backups: [] },
    wantCommands: ['no timer aidboxops-rotation-uid-pg-manager'],
    wantNext: 'done',
    wantReason: 'NothingDue',
  },
  'nothing is owed any more: the condition no longer says pending': {
    given: { manager: finished({ status: 'pending', message: 'waiting for PgBackup x' }), backups: [] },
    wantCommands: ['status pg-manager ok'],
    wantMessage: /^2 stored, 0 deleted$/,
  },
  'no backup yet': {
    given: { manager: manager({ condition: { servedBackup: 'uid-day-10' } }) },
    wantCommands: ['no timer aidboxops-rotation-uid-pg-manager'],
    wantNext: 'done',
  },
};

const looking: Readonly<Record<string, Case>> = {
  'alive since this activation began it: wait': {
    given: { ...runs(), podInspection: saw({ run: report({ state: 'running' }) }) },
    wantNext: 'wait',
  },
  'alive when this activation came: left to the timer': {
    given: { ...runs(), firstRound: true, podInspection: saw({ run: report({ state: 'running' }) }) },
    wantCommands: ['timer rotation pg-manager'],
    wantNext: 'done',
  },
  'a tick that finds it alive asks for nothing': {
    given: { ...runs(), firstRound: true, ticked: true, podInspection: saw({ run: report({ state: 'running' }) }) },
    wantNext: 'done',
  },
  'alive two minutes after the deadline: the pod may still end it by itself': {
    given: { ...runs(), podInspection: saw({ podTime: now + 3720, run: report({ state: 'running' }) }) },
    wantNext: 'wait',
  },
  'alive for more than two minutes after the deadline: it is stopped': {
    given: { ...runs(), podInspection: saw({ podTime: now + 3721, run: report({ state: 'running' }) }) },
    wantCommands: ['stop rotation uid-day-10-1'],
    wantNext: 'wait',
  },
  'alive ten minutes after the deadline: given up': {
    given: { ...runs(), podInspection: saw({ podTime: now + 4201, run: report({ state: 'running' }) }) },
    wantCommands: ['status pg-manager error'],
    wantMessage: /could not be ended after its deadline of 1h/,
  },
  'what was planned is gone: served, with the times of the pod': {
    given: { ...runs(), podInspection: saw({ run: report() }), catalogue: catalogue(listed(9), listed(10)) },
    wantCommands: ['status pg-manager ok'],
    wantCondition: {
      servedBackup: 'uid-day-10',
      attempt: 1,
      log: [
        {
          finishTime: rfc3339(now + 3),
          id: 'uid-day-10-1',
          message: `2 stored, 1 deleted (${stored(8)}); oldest 2022-01-01T06:06:16Z`,
          startTime: rfc3339(now + 2),
          state: 'success',
        },
      ],
    },
    wantMessage: new RegExp(`^2 stored, 1 deleted \\(${stored(8)}\\); oldest 2022-01-01T06:06:16Z$`),
  },
  'H39 a run serves the success that it was started for, not a newer one': {
    given: {
      manager: manager({ newest: 11, condition: running() }),
      podInspection: saw({ run: report() }),
      catalogue: catalogue(listed(9), listed(10)),
    },
    wantCommands: ['status pg-manager ok'],
    wantCondition: { servedBackup: 'uid-day-10' },
  },
  'H46 exit 0 and nothing is gone': {
    given: { ...runs(), podInspection: saw({ run: report() }) },
    wantCommands: ['status pg-manager error'],
    wantMessage: new RegExp(
      `^failed: wal-g reported success but deleted nothing although it should have: ${stored(8)} is still stored`,
    ),
  },
  'H41 exit 0 and the catalogue is another: nothing counts as deleted': {
    given: { ...runs(), podInspection: saw({ run: report() }), catalogue: catalogue(listed(10)) },
    wantCommands: ['status pg-manager error'],
    wantMessage: /is not listed after the run\. Was the storage changed\?/,
  },
  'exit 0 and no time for the catalogue': {
    given: { ...runs(), podInspection: saw({ run: report() }), catalogue: undefined },
    wantNext: 'retry',
  },
  'H37 the catalogue changed under the lock: planned again, without a word': {
    given: {
      ...runs(),
      podInspection: saw({ run: report({ exitCode: 75, catalogueChanged: true }) }),
      catalogue: undefined,
    },
    wantCommands: ['status pg-manager pending'],
    wantReason: 'PlannedAgain',
  },
  'H37 the next attempt has an id of its own': {
    given: { manager: manager({ condition: { ...running(1), running: undefined } }) },
    wantCommands: ['timer rotation pg-manager', 'status pg-manager pending', `start uid-day-10-2 ${stored(9)}`],
  },
  'H37 a catalogue that always changes ends with the tenth attempt': {
    given: { ...runs(10), podInspection: saw({ run: report({ exitCode: 75, catalogueChanged: true }) }) },
    wantCommands: ['status pg-manager error'],
    wantCondition: { servedBackup: 'uid-day-10' },
  },
  'H47 exit code 1: wal-g is quoted, where its log is is said': {
    given: {
      ...runs(),
      podInspection: saw({
        run: report({ exitCode: 1, firstError: 'ERROR: AccessDenied', lastError: 'ERROR: AccessDenied' }),
      }),
    },
    wantCommands: ['status pg-manager error'],
    wantMessage:
      /^failed: wal-g ended with exit code 1: "ERROR: AccessDenied"\. Attempt 1 of 10; it is tried again within half an hour\. Full log: kubectl exec -n shop postgres-0 -c postgres -- cat \/PgBackup\/\.run\/uid-day-10-1\/log$/,
  },
  'stopped at the deadline': {
    given: { ...runs(), podInspection: saw({ run: report({ exitCode: 124, deadlineHit: true }) }) },
    wantCommands: ['status pg-manager error'],
    wantMessage: /wal-g was stopped after 1h/,
  },
  died: {
    given: { ...runs(), podInspection: saw({ run: report({ state: 'died' }) }) },
    wantCommands: ['status pg-manager error'],
    wantMessage: /gone without an exit code/,
  },
  'no trace yet: its start may still arrive': {
    given: { ...runs(), podInspection: saw({ podTime: now + 35, run: report({ state: 'none' }) }) },
    wantNext: 'wait',
  },
  'H12 no trace when no start can arrive any more: planned again': {
    given: { ...runs(), podInspection: saw({ podTime: now + 36, run: report({ state: 'none' }) }) },
    wantCommands: ['status pg-manager pending'],
    wantReason: 'PlannedAgain',
  },
  'the pod is silent: it may still be deleting': {
    given: { ...runs(), podInspection: sawNothing('transient', 'broken pipe'), now: now + 4199 },
    wantNext: 'wait',
  },
  'the pod may not be asked, as after a restart of the API server: it may still be deleting': {
    given: { ...runs(), podInspection: sawNothing('forbidden', 'pods "postgres-0" is forbidden'), now: now + 4199 },
    wantNext: 'wait',
  },
  'the pod may not be asked until well after the deadline': {
    given: { ...runs(), podInspection: sawNothing('forbidden', 'pods "postgres-0" is forbidden'), now: now + 4200 },
    wantCommands: ['status pg-manager error'],
  },
  'the pod is silent until well after the deadline': {
    given: { ...runs(), podInspection: sawNothing('transient', 'broken pipe'), now: now + 4200 },
    wantCommands: ['status pg-manager error'],
  },
  'the pod is gone, and the run with it': {
    given: { ...runs(), podInspection: podGone },
    wantCommands: ['status pg-manager error'],
  },
};

const telling: Readonly<Record<string, Case>> = {
  'PgBackups of deleted backups go before anything is told, files first': {
    given: { manager: finished({ outbox: [untold] }) },
    wantCommands: ['prune day-8', 'remove day-8'],
  },
  'one whose own end is not announced is waited for': {
    given: { manager: finished({ outbox: [untold] }), backups: [success(8, { announced: 'started' })] },
    wantNext: 'done',
    wantReason: 'AnnouncementPending',
  },
  'the last ten failed ones stay': {
    given: {
      manager: finished({ outbox: [untold] }),
      backups: [10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, -1].map((at) => failed(at)),
    },
    wantCommands: ['remove failed-00', 'remove failed--1'],
  },
  'which are the last is told by their creation, not by the clocks of pods': {
    given: {
      manager: finished({ outbox: [untold] }),
      backups: [11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1].map((at) =>
        failed(at, at === 1 ? { finishTime: '2031-07-01T00:00:00Z' } : {}),
      ),
    },
    wantCommands: ['remove failed-01'],
  },
  'Events, then the CloudEvent, then announced': {
    given: { manager: finished({ outbox: [untold] }), backups: [success(9), success(10)] },
    wantCommands: [
      'event Normal RotationSucceeded on pg-manager',
      'post rotation.succeeded uid-pg-manager/rotation/uid-day-10-1/success, then status pg-manager ok',
    ],
  },
  'H50 H61 all that a sink which was down has missed, each with an id of its own': {
    given: {
      manager: finished({
        outbox: [
          { id: 'uid-day-9-1', outcome: 'error', message: 'failed: x', deleted: [] },
          { id: 'uid-day-9-2', outcome: 'success', message: 'x', deleted: [], kept: 2 },
          { id: 'uid-day-10-1', outcome: 'refused', message: 'refused: x', deleted: [], kept: 2 },
        ],
      }),
    },
    wantCommands: [
      'event Warning RotationFailed on pg-manager',
      'event Normal RotationSucceeded on pg-manager',
      'event Warning RotationRefused on pg-manager',
      'post rotation.failed uid-pg-manager/rotation/uid-day-9-1/error, rotation.succeeded uid-pg-manager/rotation/uid-day-9-2/success, rotation.failed uid-pg-manager/rotation/uid-day-10-1/refused, then status pg-manager ok',
    ],
  },
  'a dry run removes no PgBackup': {
    given: { manager: finished({ outbox: [{ ...untold, outcome: 'dryrun' }] }), backups: [success(8)] },
    wantCommands: [
      'event Normal RotationSucceeded on pg-manager',
      'post rotation.succeeded uid-pg-manager/rotation/uid-day-10-1/dryrun, then status pg-manager ok',
    ],
  },
  'H50 a sink that is down holds up no work: what is owed comes first': {
    given: {
      manager: manager({ condition: servedBefore({ outbox: [{ ...untold, id: 'uid-day-9-1', deleted: [] }] }) }),
    },
    wantCommands: ['timer rotation pg-manager', 'status pg-manager pending', `start uid-day-10-1 ${stored(9)}`],
  },
};

for (const [name, { given, wantCommands = [], wantNext = 'again', ...want }] of Object.entries({
  ...planning,
  ...looking,
  ...telling,
})) {
  test(name, () => {
    const decision = decide(observe(given));
    assert.deepEqual(decision.commands.map(brief), wantCommands);
    assert.equal(decision.next, wantNext);
    assert.ok(decision.reason !== '' && decision.message !== '');
    if (want.wantReason !== undefined) assert.equal(decision.reason, want.wantReason);
    if (want.wantMessage !== undefined) assert.match(written(decision.commands).message ?? '', want.wantMessage);
    if (want.wantCondition === undefined) return;
    const condition = written(decision.commands);
    for (const [key, value] of Object.entries(want.wantCondition)) {
      assert.deepEqual(condition[key as keyof RotationCondition], value, key);
    }
  });
}

test('the order to the pod carries what it was decided from', () => {
  const { commands } = decide(observe());
  const start = commands.find((command) => command.type === 'start');
  assert.ok(start?.type === 'start');
  assert.deepEqual(start.pod, { namespace: 'shop', pod: 'postgres-0', container: 'postgres' });
  const { kind, notAfter, timeoutSeconds } = start.request;
  assert.deepEqual({ kind, notAfter, timeoutSeconds }, { kind: 'rotation', notAfter: now + 31, timeoutSeconds: 3600 });
  assert.ok('cut' in start.request);
  assert.equal(start.request.cut, stored(9));
  assert.deepEqual(start.request.names, [stored(8), stored(9), stored(10)]);
});

test('the log shows the last five runs, newest first; files of forgotten ones go', () => {
  const log = [9, 8, 7, 6, 5].map((at) => {
    const time = rfc3339(timeOf(at));
    return { finishTime: time, id: `uid-day-${at}-${at === 5 ? 2 : 1}`, startTime: time, state: 'success' };
  });
  const { commands } = decide(observe({ manager: manager({ retain: 30, condition: servedBefore({ log }) }) }));
  assert.deepEqual(commands.map(brief), ['prune uid-day-5-1 uid-day-5-2', 'status pg-manager ok']);
  assert.deepEqual(
    written(commands).log?.map(({ id }) => id),
    ['uid-day-10-1', 'uid-day-9-1', 'uid-day-8-1', 'uid-day-7-1', 'uid-day-6-1'],
  );
});

test("data of the CloudEvent are the schema's", () => {
  const given = observe({ manager: finished({ outbox: [untold] }), backups: [] });
  const post = decide(given).commands.find((command) => command.type === 'post');
  assert.ok(post?.type === 'post');
  assert.deepEqual(post.events[0]?.data, {
    namespace: 'shop',
    name: 'pg-manager',
    uid: 'uid-pg-manager',
    statefulSet: 'postgres',
    id: 'uid-day-10-1',
    outcome: 'success',
    deleted: [stored(8)],
    kept: 2,
    message: 'x',
    dryRun: false,
  });
});
