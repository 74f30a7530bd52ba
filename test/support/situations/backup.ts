/** Situations of one StatefulSet's backups, as tables of tests describe them: everything as usual but for what is named. */
import type { CatalogueAnswer, Inspection, RunReport } from '../../../functions/domain/run/protocol.ts';
import type { Executor } from '../../../functions/domain/resources/executor.ts';
import type { PgBackup } from '../../../functions/domain/resources/pg-backup.ts';
import type { Observation } from '../../../functions/backup/observation.ts';
import { rfc3339 } from '../../../functions/domain/time.ts';
import { aBackup, aManager, slot } from './objects.ts';
import { catalogueOf, container, executorOf, inspected, madeBy, reportOf } from './pod.ts';

/** Executor of a run that was launched at `at`. */
export function executor(at: number = slot): Executor {
  return executorOf(at, 43_200);
}

interface BackupShape {
  readonly name?: string;
  readonly created?: number;
  readonly status?: Readonly<Record<string, unknown>>;
}

/** A PgBackup that nobody has looked at yet. */
export function backup({ name = 'daily', created = slot, status = {} }: BackupShape = {}): PgBackup {
  return aBackup(name).created(created).status(status).build();
}

/** Pending since `since`, because its pod is not ready. */
export function waiting(since: number, shape: BackupShape = {}): PgBackup {
  const status = { state: 'pending', reason: 'PodNotReady', message: 'waiting', pendingSince: rfc3339(since) };
  return backup({ ...shape, status: { ...status, ...shape.status } });
}

/** Launched: executor pinned, start sent, not confirmed. */
export function launching(shape: BackupShape = {}): PgBackup {
  return backup({ ...shape, status: { state: 'running', executor: executor(), ...shape.status } });
}

/** Started in the pod two seconds after the slot. */
export function started(shape: BackupShape = {}): PgBackup {
  const status = { startTime: rfc3339(slot + 2), announced: 'started', ...shape.status };
  return launching({ ...shape, status });
}

/** The next slot is a day away. */
export const manager = aManager().schedule({
  at: '06:00:00',
  suspended: false,
  since: rfc3339(slot - 86_400),
  nextSlot: rfc3339(slot + 86_400),
});

export function report(shape: Partial<RunReport> = {}): RunReport {
  const log = { head: '', tail: 'INFO: first line\nINFO: last line', bytes: 32 };
  return reportOf({ id: 'uid-daily', kind: 'backup', state: 'running', log, ...shape });
}

/** It runs in the pod since two seconds after the slot. */
export const alive = report({ startedAt: slot + 2 });

/** wal-g ended 14 seconds to 5 minutes after the slot with exit code 0. */
export const exitedOk = report({ state: 'exited', exitCode: 0, startedAt: slot + 14, endedAt: slot + 301 });

/** The pod has no trace of the run. */
export const noTrace = report({ state: 'none' });

/** What was seen in the pod. */
export function saw(shape: Partial<Inspection> = {}): Observation['podInspection'] {
  return inspected({ podTime: slot + 60, ...shape });
}

/** One stored backup in wal-g's words, of the run `uid-daily`, with its WAL from segment 20 to 21. */
export function listed(shape: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    backup_name: 'base_000000010000000000000020',
    time: '2022-01-02T06:05:00Z',
    wal_file_name: '000000010000000000000020',
    start_time: '2022-01-02T06:00:14Z',
    finish_time: '2022-01-02T06:05:00Z',
    start_lsn: 0x20_00_00_28,
    finish_lsn: 0x21_00_01_00,
    is_permanent: false,
    system_identifier: 'SYSID',
    uncompressed_size: 2_000_000,
    compressed_size: 1_500_000_000,
    user_data: madeBy('uid-daily'),
    ...shape,
  };
}

const wal = [
  {
    id: 1,
    start_segment: '000000010000000000000001',
    end_segment: '000000010000000000000022',
    missing_segments: [],
  },
];

/** All that `listed` stores. */
const parts = [
  { name: 'part_001.tar.lz4', bytes: 1_500_000_000 },
  { name: 'pg_control.tar.lz4', bytes: 399 },
];

/** The catalogue's answer, with WAL up to segment 22. */
export function catalogue(
  entries: readonly Record<string, unknown>[],
  shape: Partial<CatalogueAnswer> = {},
): Observation['catalogue'] {
  const value = catalogueOf(slot + 400, entries, {
    wal: JSON.stringify(wal),
    parts: Object.fromEntries(entries.map((entry) => [String(entry.backup_name), parts])),
    walgVersion: 'v3.0.8',
    ...shape,
  });
  return { ok: true, value };
}

export function observe(shape: Partial<Observation> = {}): Observation {
  return {
    now: slot + 60,
    firstRound: false,
    ticked: false,
    namespace: 'shop',
    statefulSet: 'postgres',
    open: [],
    managers: [manager.build()],
    location: { found: 'ready', containers: [container] },
    ...shape,
  };
}

/** Nothing has been done for the PgBackup, and this is seen in the pod. */
export function beforeLaunch(pod: Partial<Inspection> = {}, more: Partial<Observation> = {}): Partial<Observation> {
  return { open: [backup()], podInspection: saw(pod), ...more };
}

/** A start was sent, and this is seen in the pod. */
export function afterLaunch(pod: Partial<Inspection>, more: Partial<Observation> = {}): Partial<Observation> {
  return { open: [launching()], podInspection: saw(pod), ...more };
}

/** The run has started, and this is seen in the pod. */
export function afterStart(pod: Partial<Inspection>, more: Partial<Observation> = {}): Partial<Observation> {
  return { open: [started()], podInspection: saw(pod), ...more };
}
