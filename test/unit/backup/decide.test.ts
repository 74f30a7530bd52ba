/** Situation → what is written and what comes next. Numbers are those of the traces that break naive versions. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Command, Decision } from '../../../functions/domain/commands/command.ts';
import type { PgBackupStatus } from '../../../functions/domain/resources/pg-backup.ts';
import { rfc3339 } from '../../../functions/domain/time.ts';
import { decide, leftoverTimer } from '../../../functions/backup/decide.ts';
import type { Observation } from '../../../functions/backup/observation.ts';
import { brief } from '../../support/situations/brief.ts';
import { aManager, slot } from '../../support/situations/objects.ts';
import { identity, podGone, sawNothing } from '../../support/situations/pod.ts';
import {
  afterLaunch,
  afterStart,
  alive,
  backup,
  beforeLaunch,
  catalogue,
  executor,
  exitedOk,
  launching,
  listed,
  manager,
  noTrace,
  observe,
  report,
  saw,
  started,
  waiting,
} from '../../support/situations/backup.ts';

interface Case {
  readonly given: Partial<Observation>;
  /** Commands in their order, as `brief` shows them; none unless it says otherwise. */
  readonly wantCommands?: readonly string[];
  /** `again` unless it says otherwise. */
  readonly wantNext?: Decision['next'];
  /** What the message of the first status written must contain. */
  readonly wantMessage?: RegExp;
}

function firstStatus(commands: readonly Command[]): PgBackupStatus {
  const found = commands.find((command) => command.type === 'applyStatus' && command.kind === 'PgBackup');
  assert.ok(found?.type === 'applyStatus', 'no PgBackup status is written');
  return found.status as PgBackupStatus;
}

const exitedBadly = { ...exitedOk, exitCode: 1 };
const unproven = started({ status: { reason: 'ProofUnknown', unprovenSince: rfc3339(slot + 400) } });
const noCatalogue = { ok: false, problem: { kind: 'timeout', message: 'no answer' } } as const;
const noMemory = { found: 'notReady', pod: 'postgres-0', state: 'Pending: Insufficient memory' } as const;
const orphan = { id: 'uid-deleted', kind: 'backup' } as const;
const itself = { id: 'uid-daily', kind: 'backup' } as const;
const restarted = { ...identity, postmaster: '1641103304' };

const cases: Readonly<Record<string, Case>> = {
  'a new PgBackup with everything ready is pinned, then started': {
    given: beforeLaunch(undefined, { firstRound: true }),
    wantCommands: ['timer backup daily', 'status daily running', 'start uid-daily'],
    wantMessage: /^starting wal-g in postgres-0$/,
  },
  "a tick may be another one's: the launch brings its timer along": {
    given: beforeLaunch(undefined, { firstRound: true, ticked: true }),
    wantCommands: ['timer backup daily', 'status daily running', 'start uid-daily'],
  },
  'in a later round the launch brings its timer along': {
    given: beforeLaunch(),
    wantCommands: ['timer backup daily', 'status daily running', 'start uid-daily'],
  },
  "H15 cut start: the run is seen in the pod and confirmed with the pod's start time": {
    given: afterLaunch({ run: alive }),
    wantCommands: ['status daily running'],
    wantMessage: /running in postgres-0 since 2022-01-02T06:00:02Z/,
  },
  'H13 cut start: nothing is concluded while it may still arrive': {
    given: afterLaunch({ podTime: slot + 35, run: noTrace }, { managers: [] }),
    wantNext: 'wait',
  },
  'a start that never arrived goes back into the queue once the catalogue knows nothing of it': {
    given: afterLaunch({ podTime: slot + 36, run: noTrace }, { catalogue: catalogue([]), managers: [] }),
    wantCommands: ['status daily pending PodNotReady'],
  },
  'starts that are lost for ten minutes: NoPodAccess, not one start after the other for ever': {
    given: {
      now: slot + 700,
      open: [launching({ status: { pendingSince: rfc3339(slot + 100) } })],
      podInspection: saw({ podTime: slot + 700, run: noTrace }),
      catalogue: catalogue([]),
      managers: [],
    },
    wantCommands: ['status daily error NoPodAccess'],
    wantMessage: /^NoPodAccess: wal-g could not be started in postgres-0: no start took effect within 10 min/,
  },
  'a start that seemed lost but whose backup is listed is proved, never started again': {
    given: afterLaunch({ podTime: slot + 400, run: noTrace }, { catalogue: catalogue([listed()]), managers: [] }),
    wantCommands: ['status daily success'],
  },
  'exit 0, listed, WAL stored: success': {
    given: afterStart({ podTime: slot + 400, run: exitedOk }, { catalogue: catalogue([listed()]) }),
    wantCommands: ['status daily success (started)'],
    wantMessage: /^Job finished in 4 minutes 47 seconds\.\n {2}INFO: first line\n {2}INFO: last line$/,
  },
  'a first look that ends it makes no timer for it': {
    given: afterStart({ podTime: slot + 400, run: exitedOk }, { firstRound: true, catalogue: catalogue([listed()]) }),
    wantCommands: ['status daily success (started)'],
  },
  'nor does one that fails it': {
    given: afterStart({ podTime: slot + 421, run: exitedOk }, { firstRound: true, catalogue: catalogue([]) }),
    wantCommands: ['status daily error WalgError (started)'],
  },
  'no time to look into the pod: the event comes again, and nobody is told to wait for whom': {
    given: {
      firstRound: true,
      open: [backup({ name: 'a' }), backup({ name: 'b', created: slot + 1 })],
      managers: [],
    },
    wantCommands: ['timer backup a', 'timer backup b'],
    wantNext: 'retry',
  },
  'the condition of its managers is behind a run that goes on': {
    given: afterStart({ run: alive }),
    wantCommands: ['status pg-manager running'],
    wantNext: 'wait',
  },
  'exit 0 but no time to read the catalogue: the event comes again': {
    given: afterStart({ run: exitedOk }, { managers: [] }),
    wantNext: 'retry',
  },
  'exit 0 and not listed yet: proof is awaited': {
    given: afterStart({ podTime: slot + 302, run: exitedOk }, { catalogue: catalogue([]) }),
    wantCommands: ['status daily running ProofUnknown (started)'],
  },
  'exit 0 and still not listed after two minutes: WalgError': {
    given: afterStart({ podTime: slot + 421, run: exitedOk }, { catalogue: catalogue([]) }),
    wantCommands: ['status daily error WalgError (started)'],
    wantMessage: /^WalgError: wal-g ended with exit code 0 but no stored backup carries this run's UID/,
  },
  'H83 listed, and WAL is not stored: it waits for archiving, with the last failure of the archiver': {
    given: afterStart(
      { podTime: slot + 421, run: exitedOk },
      {
        catalogue: catalogue([listed()], {
          ready: ['000000010000000000000021'],
          archiver: {
            failedCount: 14,
            lastFailedWal: '000000010000000000000021',
            lastFailedTime: '2022-01-02T06:05:58Z',
            lastArchivedTime: '',
          },
        }),
      },
    ),
    wantCommands: ['status daily running WaitingForArchive (started)'],
    wantMessage:
      /^base_000000010000000000000020 is stored; WAL 000000010000000000000021 is not archived yet; last failure 2022-01-02T06:05:58Z at 000000010000000000000021$/,
  },
  'H25 exit 1 although listed: error, finished but not proved': {
    given: afterStart(
      {
        run: { ...exitedBadly, firstError: 'ERROR: AccessDenied' },
      },
      { catalogue: catalogue([listed()]) },
    ),
    wantCommands: ['status daily error WalgError (started)'],
    wantMessage: /exit code 1: "ERROR: AccessDenied"\. base_000000010000000000000020 is listed but was not finished/,
  },
  'exit 1, storage not asked: error with the first ERROR line': {
    given: afterStart({
      run: { ...exitedBadly, firstError: 'ERROR: one', lastError: 'ERROR: two' },
    }),
    wantCommands: ['status daily error WalgError (started)'],
    wantMessage:
      /^WalgError: wal-g ended with exit code 1: "ERROR: one … ERROR: two"\. Nothing counts as stored\. Full log: kubectl exec -n shop postgres-0 -c postgres -- cat \/PgBackup\/daily\.log\n/,
  },
  'H26 storage unreachable at proof: unknown, not failed': {
    given: afterStart(
      { podTime: slot + 400, run: exitedOk },
      { catalogue: catalogue([], { backups: undefined, error: 'ERROR: NoSuchBucket' } as never) },
    ),
    wantCommands: ['status daily running ProofUnknown (started)'],
    wantMessage: /proof is awaited: ERROR: NoSuchBucket/,
  },
  'H26 storage unreachable for an hour: WalgError that says so': {
    given: {
      now: slot + 4000,
      open: [unproven],
      podInspection: saw({ podTime: slot + 4000, run: exitedOk }),
      catalogue: noCatalogue,
    },
    wantCommands: ['status daily error WalgError (started)'],
    wantMessage: /^WalgError: finished but could not be proved within 1h: no answer/,
  },
  'H26 the pod was silent for a moment hours ago: the hour of proof begins when wal-g has ended': {
    given: {
      now: slot + 14_000,
      open: [started({ status: { unprovenSince: rfc3339(slot + 100) } })],
      podInspection: saw({ podTime: slot + 14_000, run: { ...exitedOk, endedAt: slot + 13_990 } }),
      catalogue: noCatalogue,
    },
    wantCommands: ['status daily running ProofUnknown (started)'],
    wantMessage: /^wal-g has ended; proof is awaited: no answer$/,
  },
  'H26 the pod is replaced while proof is awaited: the hour goes on': {
    given: {
      now: slot + 1100,
      open: [unproven],
      podInspection: podGone,
      managers: [],
    },
    wantNext: 'wait',
  },
  'H26 and does not come back within it: WalgError that says so': {
    given: {
      now: slot + 4000,
      open: [unproven],
      podInspection: podGone,
    },
    wantCommands: ['status daily error WalgError (started)'],
    wantMessage: /^WalgError: finished but could not be proved within 1h: pods "postgres-0" not found/,
  },
  'H26 storage back after 50 minutes: success': {
    given: {
      now: slot + 3400,
      open: [unproven],
      podInspection: saw({ podTime: slot + 3400, run: exitedOk }),
      catalogue: catalogue([listed()]),
    },
    wantCommands: ['status daily success (started)'],
  },
  'H27 details of the list unreadable: unknown, never "no entry"': {
    given: afterStart({ podTime: slot + 9000, run: exitedOk }, { catalogue: catalogue([listed()], { plain: true }) }),
    wantCommands: ['status daily running ProofUnknown (started)'],
  },
  'a listed entry of another database is no proof': {
    given: afterStart(
      { podTime: slot + 400, run: exitedOk },
      { catalogue: catalogue([listed({ system_identifier: '7711259327716174706' })]) },
    ),
    wantCommands: ['status daily error WalgError (started)'],
    wantMessage: /is of another database/,
  },
  'H18 postmaster restarted, run still alive: stopped, then InitializationError': {
    given: afterStart({ identity: restarted, run: alive }),
    wantCommands: ['stop backup uid-daily', 'status daily error InitializationError (started)'],
    wantMessage:
      /^InitializationError: PostgreSQL in postgres-0 restarted during the backup \(postmaster start 2021-12-30T09:11:02Z → 2022-01-02T06:01:44Z\)\. wal-g was stopped; nothing counts as stored\. Next run 2022-01-03T06:00:00Z; to run one now \(docs\/how-to\/back-up-now\.md\): echo '\{"apiVersion":"aidbox\.pg\/v01","kind":"PgBackup","metadata":\{"generateName":"manual-"\},"spec":\{"selector":\{"name":"postgres"\}\}\}' \| kubectl create -n shop -f -\n/,
  },
  'H18 wal-g lost its session to a shutdown whose postmaster is still there: not concluded yet': {
    given: afterStart({ stopping: true, podTime: slot + 302, run: exitedBadly }, { managers: [] }),
    wantNext: 'wait',
  },
  'H18 the postmaster is gone then: InitializationError': {
    given: afterStart({ identity: { ...identity, postmaster: '' }, podTime: slot + 303, run: exitedBadly }),
    wantCommands: ['status daily error InitializationError (started)'],
    wantMessage: /\(postmaster start 2021-12-30T09:11:02Z → not running\)/,
  },
  'a shutdown that never comes to its end explains nothing after ten minutes': {
    given: afterStart({ stopping: true, podTime: slot + 901, run: exitedBadly }),
    wantCommands: ['status daily error WalgError (started)'],
    wantMessage: /^WalgError: wal-g ended with exit code 1: /,
  },
  'a run that is alive while PostgreSQL waits for its sessions is left alone': {
    given: afterStart({ stopping: true, run: alive }, { managers: [] }),
    wantNext: 'wait',
  },
  'H18 container replaced, nothing in the catalogue: InitializationError': {
    given: afterStart({ identity: { ...identity, ticks: '999' }, run: noTrace }, { catalogue: catalogue([]) }),
    wantCommands: ['status daily error InitializationError (started)'],
    wantMessage: /the container was started anew/,
  },
  'H17 container replaced after the end, files lost, catalogue has our uid: success': {
    given: afterStart(
      {
        identity: { ...identity, ticks: '999' },
        run: report({ state: 'none', log: { head: '', tail: '', bytes: 0 } }),
      },
      { catalogue: catalogue([listed()]) },
    ),
    wantCommands: ['status daily success (started)'],
    wantMessage: /^Job finished in [^\n]*\n {2}log lost with the container$/,
  },
  'gone without exit file: WalgError': {
    given: afterStart({ run: report({ state: 'died', startedAt: slot + 2 }) }),
    wantCommands: ['status daily error WalgError (started)'],
    wantMessage: /^WalgError: wal-g is gone without an exit code/,
  },
  'H23 pod-side deadline: WalgError names the setting and the last line': {
    given: afterStart({
      run: report({ state: 'exited', exitCode: 124, deadlineHit: true, startedAt: slot + 2, endedAt: slot + 43_203 }),
    }),
    wantCommands: ['status daily error WalgError (started)'],
    wantMessage: /^WalgError: stopped after 12h \(spec\.backup\.timeoutSeconds\) at "INFO: last line"/,
  },
  'two minutes past its deadline and still alive: the pod may still end it by itself': {
    given: afterStart({ podTime: slot + 43_200 + 120, run: alive }, { managers: [] }),
    wantNext: 'wait',
  },
  'long past its deadline and still alive: stopped by us as well': {
    given: afterStart({ podTime: slot + 43_200 + 121, run: alive }, { managers: [] }),
    wantCommands: ['stop backup uid-daily'],
    wantNext: 'wait',
  },
  'an exec that breaks while a container restarts is no verdict': {
    given: {
      open: [started()],
      podInspection: sawNothing('transient', 'container not found ("postgres")'),
      managers: [],
    },
    wantCommands: ['status daily running (started)'],
  },
  'pod gone for ten minutes: InitializationError': {
    given: {
      now: slot + 700,
      open: [started({ status: { unprovenSince: rfc3339(slot + 100) } })],
      podInspection: podGone,
    },
    wantCommands: ['status daily error InitializationError (started)'],
  },
  'a pod that was silent answers again: the silence is over, and is not said any more': {
    given: {
      now: slot + 400,
      open: [started({ status: { unprovenSince: rfc3339(slot + 100), message: 'pod postgres-0 does not answer: x' } })],
      podInspection: saw({ podTime: slot + 400, run: alive }),
      managers: [],
    },
    wantCommands: ['status daily running (started)'],
    wantMessage: /^wal-g has been running in postgres-0 since 2022-01-02T06:00:02Z$/,
  },
  'a silent pod whose clock is years ahead: its deadline does not keep the run open for years': {
    given: {
      now: slot + 100 + 43_200 + 3600,
      open: [started({ status: { unprovenSince: rfc3339(slot + 100), executor: executor(slot + 10 * 31_536_000) } })],
      podInspection: sawNothing('timeout', 'no answer from the container in time'),
    },
    wantCommands: ['status daily error InitializationError (started)'],
  },
  'H19 two of the same second: the running one stays although its UID is greater, the other is AlreadyRunning': {
    given: {
      open: [backup({ name: 'aaa' }), started({ name: 'zzz' })],
      podInspection: saw({ run: report({ id: 'uid-zzz', startedAt: slot + 2 }) }),
      managers: [],
    },
    wantCommands: ['status aaa error AlreadyRunning'],
    wantMessage:
      /^AlreadyRunning: PgBackup zzz has been backing up StatefulSet postgres since 06:00:02Z\. Nothing was started\./,
  },
  'H20 the older one never got its event: it starts first': {
    given: { open: [backup({ name: 'young', created: slot + 9 }), backup({ name: 'old' })], podInspection: saw() },
    wantCommands: ['timer backup old', 'status old running', 'start uid-old'],
  },
  'while the older one is only being launched the younger is left alone': {
    given: {
      open: [launching({ name: 'old' }), backup({ name: 'young', created: slot + 9 })],
      podInspection: saw({ run: report({ id: 'uid-old', state: 'starting' }) }),
      managers: [],
    },
    wantNext: 'wait',
  },
  'while the older one waits the younger waits too': {
    given: {
      open: [
        waiting(slot, {
          name: 'old',
          status: { message: 'waiting for pod postgres-0 to be ready (Pending: Insufficient memory), until 06:10:00Z' },
        }),
        backup({ name: 'young', created: slot + 9 }),
      ],
      location: noMemory,
      managers: [],
    },
    wantCommands: ['status young pending PodNotReady'],
  },
  'H21 lock held by a rotation: pending, not an error': {
    given: beforeLaunch({ holder: { id: 'x-1', kind: 'rotation' } }),
    wantCommands: ['status daily pending WaitingForRotation'],
    wantMessage: /^waiting for rotation$/,
  },
  'H57 running by the word of another version, its executor not understood: its own run is left alone': {
    given: {
      open: [backup({ status: { state: 'running', executor: { pod: 'postgres-0' } } })],
      podInspection: saw({ holder: itself }),
      managers: [],
    },
    wantNext: 'wait',
  },
  'H34 after a failover, a rotation still deletes from the old pod: the backup on the new one waits': {
    given: beforeLaunch(undefined, {
      managers: [
        manager
          .condition('rotation', {
            running: { id: 'x-1', startTime: rfc3339(slot), executor: { ...executor(), pod: 'postgres-1' } },
          })
          .build(),
      ],
    }),
    wantCommands: ['status daily pending WaitingForRotation'],
  },
  'H22 lock held by a run without an unfinished PgBackup: it is stopped, then the start follows': {
    given: beforeLaunch({ holder: orphan }, { managers: [] }),
    wantCommands: ['stop backup uid-deleted', 'status daily pending PodNotReady'],
    wantMessage: /^waiting: a run whose PgBackup is finished or gone is being stopped \(uid-deleted\)$/,
  },
  'H22 an orphan that cannot be stopped holds nobody up for ever': {
    given: {
      now: slot + 660,
      open: [waiting(slot + 60)],
      podInspection: saw({ podTime: slot + 660, holder: orphan }),
      managers: [],
    },
    wantCommands: ['stop backup uid-deleted', 'status daily error NoPodAccess'],
    wantMessage: /^NoPodAccess: run uid-deleted, .* since 2022-01-02T06:01:00Z and could not be stopped/,
  },
  'H22 deleted in mid-run, nothing else unfinished: stopped, and the event comes again until it is over': {
    given: { open: [], podInspection: saw({ holder: orphan }), managers: [] },
    wantCommands: ['stop backup uid-deleted'],
    wantNext: 'waitOrRetry',
  },
  'H22 a forged delete of a live run does nothing to it': {
    given: afterStart({ holder: itself, run: alive }, { managers: [] }),
    wantNext: 'wait',
  },
  'one that was running when this activation came is looked at once: the timer brings the next look': {
    given: afterStart({ holder: itself, run: alive }, { firstRound: true, ticked: true, managers: [] }),
    wantNext: 'done',
  },
  'lock held by something unknown: waits, never steals': {
    given: beforeLaunch({ holder: 'unknown' }, { managers: [] }),
    wantCommands: ['status daily pending PodNotReady'],
  },
  'H28 pod not ready: pending with reason and end, counted from the first look': {
    given: {
      now: slot + 840,
      open: [backup()],
      location: noMemory,
    },
    wantCommands: ['status daily pending PodNotReady'],
    wantMessage: /^waiting for pod postgres-0 to be ready \(Pending: Insufficient memory\), until 06:24:00Z$/,
  },
  'H28 ten minutes later: NoPodAccess': {
    given: {
      now: slot + 1440,
      open: [waiting(slot + 840)],
      location: noMemory,
    },
    wantCommands: ['status daily error NoPodAccess'],
    wantMessage: /^NoPodAccess: pod postgres-0 was not ready within 10 min/,
  },
  'exec refused: NoPodAccess at once, naming account and verb': {
    given: {
      open: [backup()],
      podInspection: sawNothing(
        'forbidden',
        'pods "postgres-0" is forbidden: User "system:serviceaccount:aidboxops:backup" cannot get resource "pods/exec" in API group "" in the namespace "shop"',
      ),
    },
    wantCommands: ['status daily error NoPodAccess'],
    wantMessage:
      /^NoPodAccess: ServiceAccount aidboxops\/backup may not "get" pods\/exec in namespace shop\. Apply the roles of eventing again \(docs\/reference\/rbac\.md\)\. Check: kubectl auth can-i get pods --subresource=exec -n shop --as system:serviceaccount:aidboxops:backup$/,
  },
  'directory not creatable: NoPodAccess names user, directory and mend': {
    given: beforeLaunch({
      obstacle: { kind: 'DirectoryNotCreatable', detail: 'uid 1001 may not create or write /PgBackup' },
    }),
    wantCommands: ['status daily error NoPodAccess'],
    wantMessage:
      /^NoPodAccess: uid 1001 cannot create \/PgBackup in postgres-0\. Mount a volume there or set spec\.backup\.directory\.$/,
  },
  'wrong name: failed at once, with the mend': {
    given: {
      open: [backup()],
      location: {
        found: 'never',
        problem: { kind: 'NoPodAccess', text: 'namespace shop has no StatefulSet "postgres" (it has: db).' },
      },
    },
    wantCommands: ['status daily error NoPodAccess'],
  },
  'PostgreSQL down at the start: waits': {
    given: beforeLaunch({ identity: { ...identity, postmaster: '' } }),
    wantCommands: ['status daily pending PodNotReady'],
  },
  'PostgreSQL shutting down at the start: waits': {
    given: beforeLaunch({ stopping: true }),
    wantCommands: ['status daily pending PodNotReady'],
    wantMessage: /^waiting for pod postgres-0 to be ready \(PostgreSQL is shutting down\), until /,
  },
  'running and confirmed: managers are told first, then events, then `started` is recorded': {
    given: {
      open: [started({ status: { announced: undefined } })],
      podInspection: saw({ run: alive }),
    },
    wantCommands: [
      'status pg-manager running',
      'event Normal BackupStarted on daily',
      'event Normal BackupStarted on pg-manager',
      'post backup.started uid-daily/started, then status daily running (started)',
    ],
    wantNext: 'wait',
  },
  'success is told in the order that loses nothing': {
    given: {
      open: [
        backup({
          status: {
            state: 'success',
            startTime: rfc3339(slot + 14),
            finishTime: rfc3339(slot + 376),
            announced: 'started',
            message: 'Job finished in 4 seconds.',
            executor: executor(),
          },
        }),
      ],
      history: [
        backup({ status: { state: 'success', startTime: rfc3339(slot + 14), finishTime: rfc3339(slot + 376) } }),
      ],
      location: undefined,
    },
    wantCommands: [
      'status pg-manager ok',
      'event Normal BackupSucceeded on daily',
      'event Normal BackupSucceeded on pg-manager',
      'timer rotation pg-manager',
      'post backup.succeeded uid-daily/succeeded, then status daily success (success), then no timer aidboxops-backup-uid-daily',
    ],
  },
  'H51 a failure that never had a timer is told too, as a Warning with its kind': {
    given: {
      open: [
        backup({
          status: { state: 'error', reason: 'AlreadyRunning', finishTime: rfc3339(slot), message: 'AlreadyRunning: x' },
        }),
      ],
      history: [backup({ status: { state: 'error', reason: 'AlreadyRunning', finishTime: rfc3339(slot) } })],
      managers: [],
    },
    wantCommands: [
      'event Warning AlreadyRunning on daily',
      'post backup.failed uid-daily/failed, then status daily error AlreadyRunning (error), then no timer aidboxops-backup-uid-daily',
    ],
  },
  'a run so short that its start was never told tells both': {
    given: {
      open: [backup({ status: { state: 'success', startTime: rfc3339(slot + 1), finishTime: rfc3339(slot + 3) } })],
      history: [],
      managers: [],
    },
    wantCommands: [
      'event Normal BackupStarted on daily',
      'event Normal BackupSucceeded on daily',
      'post backup.started uid-daily/started, backup.succeeded uid-daily/succeeded, then status daily success (success), then no timer aidboxops-backup-uid-daily',
    ],
  },
  'nothing unfinished, nothing untold: nothing': { given: { managers: [] }, wantNext: 'done' },
};

for (const [name, { given, wantCommands = [], wantNext = 'again', wantMessage }] of Object.entries(cases)) {
  test(name, () => {
    const decision = decide(observe(given));
    assert.deepEqual(decision.commands.map(brief), wantCommands);
    assert.equal(decision.next, wantNext);
    assert.ok(decision.reason !== '' && decision.message !== '', 'every decision says why');
    if (wantMessage !== undefined) assert.match(firstStatus(decision.commands).message ?? '', wantMessage);
  });
}

test("H33 the pod's clock ten minutes behind never makes a negative duration", () => {
  const run = report({ state: 'exited', exitCode: 1, startedAt: slot + 600, endedAt: slot + 10 });
  const decision = decide(observe(afterStart({ podTime: slot - 600, run })));
  const status = firstStatus(decision.commands);
  assert.equal(status.duration, '0s');
  assert.equal(status.finishTime, status.startTime);
});

test('H32 the directory that was pinned at the start is used, whatever the spec says now', () => {
  const moved = manager.directory('/elsewhere').build();
  const decision = decide(observe(afterStart({ identity: restarted, run: report() }, { managers: [moved] })));
  const stop = decision.commands.find((command) => command.type === 'stop');
  assert.equal(stop?.directory, '/PgBackup');
});

test('what is pinned at the launch comes from the pod and from the oldest manager', () => {
  const managers = [
    aManager('young')
      .created(slot - 10)
      .timeout(60)
      .build(),
    aManager('old').timeout(7200).directory('/logs').build(),
  ];
  const decision = decide(observe(beforeLaunch(undefined, { managers })));
  const { executor: pinned } = firstStatus(decision.commands);
  assert.deepEqual(pinned, {
    ...executor(),
    directory: '/logs',
    timeoutSeconds: 7200,
    deadline: rfc3339(slot + 60 + 7200),
    notAfter: rfc3339(slot + 60 + 30),
  });
  const start = decision.commands.find((command) => command.type === 'start');
  assert.deepEqual(start?.request.kind === 'backup' && JSON.parse(start.request.userData), {
    aidboxops: { uid: 'uid-daily', name: 'daily', namespace: 'shop', statefulSet: 'postgres' },
  });
});

test('a launch after a lost start remembers since when starts are lost; any other begins anew', () => {
  const lost = firstStatus(
    decide(observe(afterLaunch({ podTime: slot + 36, run: noTrace }, { catalogue: catalogue([]) }))).commands,
  );
  const again = decide(observe({ now: slot + 90, open: [backup({ status: lost })], podInspection: saw() }));
  assert.equal(firstStatus(again.commands).pendingSince, rfc3339(slot + 60));
  const other = decide(observe({ now: slot + 90, open: [waiting(slot)], podInspection: saw() }));
  assert.equal(firstStatus(other.commands).pendingSince, undefined);
});

test('a silence that is over leaves nothing behind in the status', () => {
  const before = started({ status: { unprovenSince: rfc3339(slot + 100), pendingSince: rfc3339(slot) } });
  const status = firstStatus(decide(observe({ open: [before], podInspection: saw({ run: alive }) })).commands);
  assert.deepEqual([status.unprovenSince, status.pendingSince, status.reason], [undefined, undefined, undefined]);
});

test("finishTime is when wal-g ended by the pod's clock, not when it was noticed", () => {
  const decision = decide(
    observe(afterStart({ podTime: slot + 900, run: exitedOk }, { now: slot + 900, catalogue: catalogue([listed()]) })),
  );
  const status = firstStatus(decision.commands);
  assert.equal(status.startTime, '2022-01-02T06:00:14Z');
  assert.equal(status.finishTime, '2022-01-02T06:05:01Z');
  assert.equal(status.duration, '4m47s');
  assert.equal(status.size, '1.4 GiB');
  assert.deepEqual(status.backup, {
    name: 'base_000000010000000000000020',
    startLSN: '0/20000028',
    finishLSN: '0/21000100',
    systemIdentifier: '7711259327716174705',
    compressedSize: 1_500_000_000,
    uncompressedSize: 2_000_000,
    walgVersion: 'v3.0.8',
    storedAt: '2022-01-02T06:05:00Z',
    timeline: 1,
    parts: 2,
  });
});

test('a timer that was left behind goes by its name', () => {
  const command: Command = { type: 'removeTimer', namespace: 'shop', name: 'aidboxops-backup-uid-1' };
  assert.deepEqual(leftoverTimer('shop', 'uid-1'), command);
});

test('deciding twice from the same observation gives the same', () => {
  for (const { given } of Object.values(cases)) assert.deepEqual(decide(observe(given)), decide(observe(given)));
});
