/** Which pod a backup waits for, and what a pod that is silent or lost means for its run. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Command } from '../../../functions/domain/commands/command.ts';
import type { PgBackupStatus } from '../../../functions/domain/resources/pg-backup.ts';
import { rfc3339 } from '../../../functions/domain/time.ts';
import { decide } from '../../../functions/backup/decide.ts';
import type { LostRun, Observation } from '../../../functions/backup/observation.ts';
import { brief } from '../../support/situations/brief.ts';
import { slot } from '../../support/situations/objects.ts';
import { identity, inspected } from '../../support/situations/pod.ts';
import {
  afterStart,
  backup,
  beforeLaunch,
  catalogue,
  launching,
  listed,
  observe,
  report,
  saw,
  started,
  waiting,
} from '../../support/situations/backup.ts';

const noPrimary = {
  found: 'noPrimary',
  ready: 2,
  who: 'postgres-1 and postgres-2 are standbys, postgres-0 is not ready (x)',
} as const;
const two = {
  found: 'severalPrimaries',
  count: 2,
  who: 'postgres-0 (timeline 3) and postgres-1 (timeline 4)',
} as const;
const doubted = (since: number): Observation['open'][number] =>
  waiting(slot, { status: { reason: 'SeveralPrimaries', unprovenSince: rfc3339(since) } });
const tooEarly = report({
  state: 'exited',
  exitCode: 1,
  startedAt: slot + 2,
  endedAt: slot + 3,
  firstError: 'ERROR: failed to connect: FATAL: the database system is in recovery mode (SQLSTATE 57P03)',
});
const silentSince = (since: number, status: object = {}): Observation['open'][number] =>
  started({ status: { unprovenSince: rfc3339(since), ...status } });
const lost = (shape: Partial<LostRun> = {}): LostRun[] => [
  { uid: 'uid-daily', why: 'the node of pod postgres-0 is not ready', ...shape },
];

interface Case {
  readonly given: Partial<Observation>;
  readonly wantCommands?: readonly string[];
  readonly wantNext?: string;
  readonly wantMessage?: RegExp;
}

const cases: Readonly<Record<string, Case>> = {
  'H68 no primary among the ready pods: pending, and who is what': {
    given: { open: [backup()], location: noPrimary },
    wantCommands: ['status daily pending PodNotReady'],
    wantMessage:
      /^no primary among 2 ready pods: postgres-1 and postgres-2 are standbys, postgres-0 is not ready \(x\); waiting until 06:11:00Z$/,
  },
  'H68 none for ten minutes: NoPodAccess': {
    given: { now: slot + 600, open: [waiting(slot)], location: noPrimary },
    wantCommands: ['status daily error NoPodAccess'],
    wantMessage: /^NoPodAccess: no primary among 2 ready pods: .* Run a new backup when there is one\.$/,
  },
  'H69 two primaries, just now: as in a switchover, nothing starts': {
    given: { open: [backup()], location: two },
    wantCommands: ['status daily pending SeveralPrimaries'],
    wantMessage:
      /^waiting: two pods say that they are the primary: postgres-0 \(timeline 3\) and postgres-1 \(timeline 4\), as in a switchover$/,
  },
  'H69 for a minute: a Warning names both, and it waits on': {
    given: { now: slot + 60, open: [doubted(slot)], location: two },
    wantCommands: [
      'event Warning SeveralPrimaries on daily',
      'event Warning SeveralPrimaries on pg-manager',
      'status daily pending SeveralPrimaries',
    ],
    wantMessage:
      /^two pods say that they are the primary: .* Nothing was started\. Stop one of them\. Waiting until 06:10:00Z\.$/,
  },
  'H69 the minute begins with the second primary, not with the wait for a pod': {
    given: { now: slot + 300, open: [waiting(slot)], location: two },
    wantCommands: ['status daily pending SeveralPrimaries'],
    wantMessage: /as in a switchover$/,
  },
  'H69 both waits have ten minutes together': {
    given: { now: slot + 600, open: [doubted(slot + 590)], location: two },
    wantCommands: ['status daily error NoPodAccess'],
    wantMessage:
      /^NoPodAccess: two pods say that they are the primary: postgres-0 \(timeline 3\) and postgres-1 \(timeline 4\)\. Nothing was started\. Stop one of them\.$/,
  },
  'H70 a single standby is waited for': {
    given: beforeLaunch({ role: 'standby' }),
    wantCommands: ['status daily pending PodNotReady'],
    wantMessage: /postgres-0 to be ready \(PostgreSQL is a standby\)/,
  },
  'H71 crash recovery is waited for': {
    given: beforeLaunch({ role: 'starting' }),
    wantCommands: ['status daily pending PodNotReady'],
    wantMessage: /\(PostgreSQL is starting\)/,
  },
  'H129 PostgreSQL is held down': {
    given: beforeLaunch({ role: 'down', identity: { ...identity, postmaster: '' } }),
    wantCommands: ['status daily pending PodNotReady'],
    wantMessage: /\(PostgreSQL is not up\)/,
  },
  'a person repairs the database': {
    given: beforeLaunch({ role: 'singleUser', identity: { ...identity, postmaster: '' } }),
    wantCommands: ['status daily pending PodNotReady'],
    wantMessage: /\(PostgreSQL runs for a single user\)/,
  },
  'H130 a server process was killed: ready all the time, and waited for': {
    given: beforeLaunch({ role: 'recovering' }),
    wantCommands: ['status daily pending PodNotReady'],
    wantMessage: /\(PostgreSQL is recovering\)/,
  },
  'H130 wal-g found no database a second after its start: it waits, and its files go': {
    given: afterStart({ run: tooEarly }),
    wantCommands: ['status daily pending PodNotReady (started)', 'prune daily'],
    wantMessage: /SQLSTATE 57P03/,
  },
  'H130 the log alone names it': {
    given: afterStart({
      run: { ...tooEarly, firstError: '', log: { head: '', tail: 'FATAL: starting up (SQLSTATE 57P03)', bytes: 9 } },
    }),
    wantCommands: ['status daily pending PodNotReady (started)', 'prune daily'],
  },
  'H130 the server was restarted meanwhile: wal-g had done nothing yet': {
    given: afterStart({ run: tooEarly, identity: { ...identity, postmaster: '1641103304' } }),
    wantCommands: ['status daily pending PodNotReady (started)', 'prune daily'],
  },
  'after more than a minute it is an end': {
    given: afterStart({ run: { ...tooEarly, endedAt: slot + 63 } }),
    wantCommands: ['status daily error WalgError (started)'],
  },
  'H130 tried again by the next activation, after what was left is removed': {
    given: {
      firstRound: true,
      ticked: true,
      open: [
        waiting(slot, {
          status: {
            message: 'waiting: PostgreSQL took no connection when wal-g began (SQLSTATE 57P03); it is tried again',
            announced: 'started',
          },
        }),
      ],
      podInspection: saw(),
    },
    wantCommands: ['timer backup daily', 'prune daily', 'status daily running (started)', 'start uid-daily'],
  },
  'H130 no connection for ten minutes: NoPodAccess': {
    given: {
      now: slot + 700,
      open: [started({ status: { pendingSince: rfc3339(slot + 100) } })],
      podInspection: saw({ run: tooEarly }),
    },
    wantCommands: ['status daily error NoPodAccess (started)', 'prune daily'],
    wantMessage: /^NoPodAccess: PostgreSQL in postgres-0 took no connection within 10 min \(SQLSTATE 57P03\)/,
  },
  'H72 the pod is lost: written once, with the moment until which it may come back': {
    given: { open: [started()], lost: lost() },
    wantCommands: ['status daily running (started)'],
    wantMessage: /^the node of pod postgres-0 is not ready; it may come back until 06:11:00Z$/,
  },
  'H72 nothing is written twice': {
    given: {
      open: [silentSince(slot, { message: 'pod postgres-0 is gone; it may come back until 06:10:00Z' })],
      lost: lost(),
      managers: [],
    },
    wantNext: 'done',
  },
  'H72 for ten minutes, and no other pod knows of it: InitializationError': {
    given: { now: slot + 660, open: [silentSince(slot + 60)], lost: lost({ proof: catalogue([])! }) },
    wantCommands: ['status daily error InitializationError (started)'],
    wantMessage:
      /^InitializationError: the node of pod postgres-0 is not ready\. Nothing counts as stored\. Next run 2022-01-03T06:00:00Z/,
  },
  'H72 the same without a primary': {
    given: { now: slot + 660, open: [silentSince(slot + 60)], lost: lost({ proof: 'noPrimary' }) },
    wantCommands: ['status daily error InitializationError (started)'],
  },
  'H72 no time is left to read the catalogue: the next activation does': {
    given: { now: slot + 660, open: [silentSince(slot + 60)], lost: lost({ proof: 'noTime' }), managers: [] },
    wantNext: 'done',
  },
  "H72 a person's backup of the new primary starts meanwhile": {
    given: {
      now: slot + 120,
      open: [
        silentSince(slot + 60, { message: 'pod postgres-0 is gone; it may come back until 06:11:00Z' }),
        backup({ name: 'manual', created: slot + 100 }),
      ],
      lost: lost(),
      podInspection: saw(),
    },
    wantCommands: ['timer backup manual', 'status manual running', 'start uid-manual'],
  },
  'H72 the lost one comes back while the other runs: neither is ended for the other': {
    given: {
      open: [
        started(),
        launching({
          name: 'manual',
          created: slot + 100,
          status: { startTime: rfc3339(slot + 101), announced: 'started' },
        }),
      ],
      podInspection: saw({ run: report({ startedAt: slot + 2 }) }),
      managers: [],
    },
    wantNext: 'wait',
  },
  'H73 it had ended well: proved through the present primary': {
    given: { now: slot + 660, open: [silentSince(slot + 60)], lost: lost({ proof: catalogue([listed()])! }) },
    wantCommands: ['status daily success (started)'],
    wantMessage: /^Job finished in .*\n {2}log lost with the container$/,
  },
  'H73 its proof was awaited: the catalogue is read at once': {
    given: {
      now: slot + 500,
      open: [silentSince(slot + 400, { reason: 'ProofUnknown' })],
      lost: lost({ proof: catalogue([listed()])! }),
    },
    wantCommands: ['status daily success (started)'],
  },
  'H73 its proof was awaited, and the storage is away: the hour goes on': {
    given: {
      now: slot + 1100,
      open: [silentSince(slot + 400, { reason: 'ProofUnknown' })],
      lost: lost({ proof: { ok: false, problem: { kind: 'timeout', message: 'no answer' } } }),
      managers: [],
    },
    wantNext: 'done',
  },
  'H73 and is over': {
    given: {
      now: slot + 4000,
      open: [silentSince(slot + 400, { reason: 'ProofUnknown' })],
      lost: lost({ proof: { ok: false, problem: { kind: 'timeout', message: 'no answer' } } }),
    },
    wantCommands: ['status daily error WalgError (started)'],
    wantMessage: /could not be proved within 1h: no answer/,
  },
  'the container was killed for its memory, and another one answers': {
    given: afterStart(
      { identity: { ...identity, ticks: '999' }, run: report({ state: 'none' }) },
      {
        catalogue: catalogue([]),
        ending: 'container postgres of postgres-0 was OOMKilled during the run (memory limit 512Mi)',
      },
    ),
    wantCommands: ['status daily error InitializationError (started)'],
    wantMessage:
      /^InitializationError: container postgres of postgres-0 was OOMKilled during the run \(memory limit 512Mi\)\. Nothing/,
  },
  'H22 after a failover the run of a deleted PgBackup is stopped in the pod that was the primary': {
    given: {
      open: [],
      podInspection: saw(),
      asked: [
        inspected({}),
        {
          ...inspected({ role: 'standby', holder: { id: 'uid-deleted', kind: 'backup' } }),
          container: { pod: 'postgres-1', podUID: 'u', containerID: 'c' },
        },
      ],
      managers: [],
    },
    wantCommands: ['stop backup uid-deleted'],
    wantNext: 'waitOrRetry',
  },
};

function firstMessage(commands: readonly Command[]): string {
  const found = commands.find((command) => command.type === 'applyStatus' && command.kind === 'PgBackup');
  return found?.type === 'applyStatus' ? ((found.status as PgBackupStatus).message ?? '') : '';
}

for (const [name, { given, wantCommands = [], wantMessage, wantNext = 'again' }] of Object.entries(cases)) {
  test(name, () => {
    const { commands, next } = decide(observe(given));
    assert.deepEqual({ commands: commands.map(brief), next }, { commands: wantCommands, next: wantNext });
    if (wantMessage !== undefined) assert.match(firstMessage(commands), wantMessage);
  });
}
