/** What a status must not hide: backups that were put back, locks of somebody else, and a PgManager whose slots do not run. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { projectBackupCondition } from '../../../functions/backup/condition.ts';
import { decide } from '../../../functions/backup/decide.ts';
import { settingsFor, type Observation } from '../../../functions/backup/observation.ts';
import { isStale } from '../../../functions/backup/stale.ts';
import type { Command } from '../../../functions/domain/commands/command.ts';
import type { PgBackupStatus } from '../../../functions/domain/resources/pg-backup.ts';
import type { BackupCondition } from '../../../functions/domain/resources/pg-manager.ts';
import { rfc3339 } from '../../../functions/domain/time.ts';
import { aBackup, aManager, slot, type BackupBuilder } from '../../support/situations/objects.ts';
import { observe, saw } from '../../support/situations/backup.ts';

const day = 86_400;

/** A PgBackup of a slot `days` ago, without status, as a restore of the cluster creates it again. */
function putBack(days: number): BackupBuilder {
  return aBackup(`daily-${days}`).annotations({ 'aidbox.pg/slot': rfc3339(slot - days * day) });
}

function statuses(commands: readonly Command[]): PgBackupStatus[] {
  return commands.flatMap((command) =>
    command.type === 'applyStatus' && command.kind === 'PgBackup' ? [command.status as PgBackupStatus] : [],
  );
}

test('H93 thirty PgBackups that were put back end as Stale, without a run, an Event or a CloudEvent', () => {
  const open = Array.from({ length: 30 }, (_, at) => putBack(at + 1).build());
  const { commands, next } = decide(observe({ open, podInspection: saw() }));
  assert.deepEqual([...new Set(commands.map(({ type }) => type))], ['applyStatus']);
  const [first, ...others] = statuses(commands);
  assert.deepEqual(first, {
    state: 'error',
    reason: 'Stale',
    message: `Stale: this PgBackup was created long after its slot ${rfc3339(slot - day)}, so it was put back. Nothing was started. Delete it when you do not need it.`,
    finishTime: rfc3339(slot + 60),
    announced: 'error',
  });
  assert.equal(others.length, 29);
  assert.equal(next, 'again');
});

test('H93 a PgBackup whose slot is recent, that has a status, or that a person made is not Stale', () => {
  const annotated = (seconds: number): BackupBuilder =>
    aBackup().annotations({ 'aidbox.pg/slot': rfc3339(slot - seconds) });
  assert.equal(isStale(annotated(75_601).build()), true);
  assert.equal(isStale(annotated(75_600).build()), false);
  assert.equal(isStale(putBack(1).status({ state: 'pending' }).build()), false);
  assert.equal(isStale(aBackup().build()), false);
  assert.equal(isStale(aBackup().annotations({ 'aidbox.pg/slot': 'yesterday' }).build()), false);
});

test('H93 Stale ones count in no condition', () => {
  const success = aBackup('a').succeeded(slot).build();
  const stale = putBack(1)
    .created(slot + day)
    .status({ state: 'error', reason: 'Stale', finishTime: rfc3339(slot + day), announced: 'error' })
    .build();
  const alone = projectBackupCondition({ unfinished: [], history: [success] }, undefined);
  assert.deepEqual(projectBackupCondition({ unfinished: [], history: [success, stale] }, undefined), alone);
});

const waiting = { state: 'pending', reason: 'PodNotReady', message: 'x', pendingSince: rfc3339(slot) };
const long = slot + 600;

const holders: readonly { name: string; given: Partial<Observation>; want: RegExp }[] = [
  {
    name: 'H98 a lock that a process of somebody else holds is no AlreadyRunning, which would hide it each night',
    given: { open: [aBackup().status(waiting).build()], podInspection: saw({ podTime: long, holder: 'unknown' }) },
    want: /^NoPodAccess: a process that aidboxops did not start has held the lock/,
  },
  {
    name: 'H98 the lock of a run without PgBackup that cannot be stopped neither',
    given: {
      open: [aBackup().status(waiting).build()],
      podInspection: saw({ podTime: long, holder: { id: 'uid-gone', kind: 'backup' } }),
    },
    want: /^NoPodAccess: run uid-gone, whose PgBackup is finished or gone/,
  },
  {
    name: 'H98 the lock of a rotation that does not end neither',
    given: {
      now: slot + 4500,
      open: [
        aBackup()
          .status({ ...waiting, reason: 'WaitingForRotation' })
          .build(),
      ],
      podInspection: saw({ podTime: slot + 4500, holder: { id: 'x-1', kind: 'rotation' } }),
    },
    want: /^NoPodAccess: a rotation has held the lock/,
  },
];

for (const { name, given, want } of holders) {
  test(name, () => {
    const { commands } = decide(observe({ now: long, ...given }));
    const [status] = statuses(commands);
    assert.equal(status?.reason, 'NoPodAccess');
    assert.match(status?.message ?? '', want);
  });
}

test('H98 ten nights behind a lock of somebody else show as an error, whatever succeeded before', () => {
  const nights = Array.from({ length: 10 }, (_, at) =>
    aBackup(`night-${at}`)
      .created(slot + (at + 1) * day)
      .failed('NoPodAccess')
      .status({ finishTime: rfc3339(slot + (at + 1) * day) })
      .build(),
  );
  const history = [aBackup('old').succeeded(slot).build(), ...nights];
  assert.equal(projectBackupCondition({ unfinished: [], history }, undefined).status, 'error');
});

const older = aManager('older').created(slot - 2 * day);
const younger = aManager('younger').directory('/younger');

test('H99 directory and timeout come from the PgManager whose slots run', () => {
  assert.equal(settingsFor([older.suspended().build(), younger.build()]).directory, '/younger');
  assert.equal(settingsFor([older.build(), younger.build()]).directory, '/PgBackup');
  assert.equal(settingsFor([older.suspended().build(), younger.suspended().build()]).directory, '/PgBackup');
});

test('H99 the BACKUP column of a PgManager whose slots do not run says so, until the conflict is over', () => {
  const history = [aBackup('a').succeeded(slot).build()];
  const conflict = projectBackupCondition({ unfinished: [], history, actingInstead: 'older' }, undefined);
  assert.equal(conflict.status, 'error');
  assert.match(conflict.message ?? '', /^ScheduleConflict: no slot of this PgManager runs, because PgManager older /);
  const over = projectBackupCondition({ unfinished: [] }, conflict);
  assert.equal(over.status, 'ok');
  assert.equal(over.message, undefined);
});

test('H99 only the PgManager that is neither suspended nor acting is told of the conflict', () => {
  const conditionsOf = (managers: readonly ReturnType<typeof aManager>[]): Record<string, unknown> => {
    const { commands } = decide(
      observe({
        open: [aBackup('a').succeeded(slot).build()],
        history: [aBackup('a').succeeded(slot).build()],
        managers: managers.map((builder) => builder.build()),
      }),
    );
    return Object.fromEntries(
      commands.flatMap((command) =>
        command.type === 'applyStatus' && command.kind === 'PgManager'
          ? [[command.target.name, (command.status.conditions?.backup as BackupCondition).status]]
          : [],
      ),
    );
  };
  assert.deepEqual(conditionsOf([older, younger]), { older: 'ok', younger: 'error' });
  assert.deepEqual(conditionsOf([older.suspended(), younger]), { older: 'ok', younger: 'ok' });
});
