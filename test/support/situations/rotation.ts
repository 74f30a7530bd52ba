/** Situations of one PgManager's rotation, as tables of tests describe them: everything as usual but for what is named. */
import type { Observation } from '../../../functions/rotation/observation.ts';
import type { Inspection, RunReport } from '../../../functions/domain/run/protocol.ts';
import type { Executor } from '../../../functions/domain/resources/executor.ts';
import type { PgBackup } from '../../../functions/domain/resources/pg-backup.ts';
import type { PgManager, RotationCondition } from '../../../functions/domain/resources/pg-manager.ts';
import { rfc3339 } from '../../../functions/domain/time.ts';
import { aBackup, aManager, type ManagerBuilder } from './objects.ts';
import { catalogueOf, cluster, container, executorOf, inspected, madeBy, reportOf } from './pod.ts';

/** 2022-01-02T06:06:16Z: the newest backup has just been proved. */
export const now = 1_641_103_576;
const day = 86_400;

/** `base_00000001000000000000000A`: the stored backup of day 10. */
export function stored(at: number): string {
  return `base_00000001${at.toString(16).toUpperCase().padStart(16, '0')}`;
}

/** The newest backup is of day 10, those before it a day older each. */
export function timeOf(at: number): number {
  return now - (10 - at) * day;
}

/** PgBackup `day-<at>` in success, announced, its backup stored. */
export function success(at: number, status: Readonly<Record<string, unknown>> = {}): PgBackup {
  return backup(`day-${at}`, {
    state: 'success',
    announced: 'success',
    finishTime: rfc3339(timeOf(at)),
    backup: { name: stored(at) },
    executor: executor(timeOf(at)),
    ...status,
  });
}

export function failed(at: number, status: Readonly<Record<string, unknown>> = {}): PgBackup {
  return backup(`failed-${String(at).padStart(2, '0')}`, {
    state: 'error',
    reason: 'WalgError',
    announced: 'error',
    finishTime: rfc3339(timeOf(at)),
    ...status,
  });
}

export function backup(name: string, status: Readonly<Record<string, unknown>>): PgBackup {
  return aBackup(name)
    .created(now - day)
    .status(status)
    .build();
}

interface ManagerShape {
  readonly name?: string;
  readonly retain?: number;
  readonly rotation?: Parameters<ManagerBuilder['rotating']>[0];
  readonly condition?: RotationCondition | undefined;
  /** Day of the newest success. */
  readonly newest?: number;
}

/** Keeps two; the backup of day 10 is to be served. */
export function manager(shape: ManagerShape = {}): PgManager {
  const { name = 'pg-manager', retain = 2, rotation = {}, condition, newest = 10 } = shape;
  const lastSuccess = { name: `day-${newest}`, uid: `uid-day-${newest}`, finishTime: rfc3339(timeOf(newest)) };
  const usual = aManager(name)
    .created(now - 90 * day)
    .keeping(retain)
    .rotating(rotation)
    .condition('backup', { status: 'ok', lastSuccess });
  return (condition === undefined ? usual : usual.condition('rotation', { ...condition })).build();
}

/** Executor of a run that was started at `at`. */
export function executor(at: number = now): Executor {
  return executorOf(at, 3600);
}

/** Attempt `attempt` at day 10 runs: day 8 is to go, days 9 and 10 stay. */
export function running(attempt = 1, shape: Partial<RotationCondition> = {}): RotationCondition {
  const id = `uid-day-10-${attempt}`;
  return {
    status: 'pending',
    message: 'deleting 1 of 3 stored backups in postgres-0',
    attempt,
    running: { id, startTime: rfc3339(now), executor: executor() },
    planned: { id, cut: stored(9), names: [stored(8)] },
    ...shape,
  };
}

/** The condition after day 9 was served. */
export function servedBefore(shape: Partial<RotationCondition> = {}): RotationCondition {
  const time = rfc3339(timeOf(9));
  return {
    status: 'ok',
    message: '2 stored, 0 deleted',
    servedBackup: 'uid-day-9',
    attempt: 1,
    log: [{ finishTime: time, id: 'uid-day-9-1', message: '2 stored, 0 deleted', startTime: time, state: 'success' }],
    announced: 'uid-day-9-1/success',
    ...shape,
  };
}

/** It has ended well after a second. */
export function report(shape: Partial<RunReport> = {}): RunReport {
  const log = { head: '', tail: 'INFO: objects\nERROR: last line', bytes: 32 };
  const times = { startedAt: now + 2, endedAt: now + 3 };
  return reportOf({ id: 'uid-day-10-1', kind: 'rotation', state: 'exited', exitCode: 0, ...times, log, ...shape });
}

/** What was seen in the pod. */
export function saw(shape: Partial<Inspection> = {}): Observation['podInspection'] {
  return inspected({ podTime: now + 1, ...shape });
}

/** One stored backup in wal-g's words, by PgBackup `day-<at>`. */
export function listed(at: number, shape: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    backup_name: stored(at),
    time: rfc3339(timeOf(at)),
    finish_time: rfc3339(timeOf(at)),
    start_lsn: 1,
    finish_lsn: 2,
    is_permanent: false,
    system_identifier: 'SYSID',
    user_data: madeBy(`uid-day-${at}`),
    ...shape,
  };
}

export function catalogue(...entries: readonly Record<string, unknown>[]): Observation['catalogue'] {
  return { ok: true, value: catalogueOf(now + 1, entries) };
}

/** Days 8, 9 and 10 are stored and proven, two are to stay, nothing runs. */
export function observe(shape: Partial<Observation> = {}): Observation {
  const subject = shape.manager ?? manager();
  return {
    now,
    firstRound: false,
    ticked: false,
    patient: true,
    manager: subject,
    managers: [subject],
    backups: [success(8), success(9), success(10)],
    complete: true,
    location: { found: 'ready', containers: [container] },
    podInspection: saw(),
    namespaceIdentity: { known: true, uid: cluster },
    catalogue: catalogue(listed(8), listed(9), listed(10)),
    ...shape,
  };
}
