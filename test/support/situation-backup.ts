/** Situations of one StatefulSet's backups, as tables of tests describe them: everything as usual but for what is named. */
import type { CatalogueAnswer, Inspection, RunReport } from '../../functions/domain/run/protocol.ts';
import type { Executor } from '../../functions/domain/resources/executor.ts';
import { PgBackup } from '../../functions/domain/resources/pg-backup.ts';
import { PgManager } from '../../functions/domain/resources/pg-manager.ts';
import type { Observation } from '../../functions/backup/observation.ts';
import { rfc3339 } from '../../functions/domain/time.ts';
import { container, executorOf, inspected, systemIdentifier } from './situation-pod.ts';

/** 2022-01-02T06:00:00Z: the slot; the pod's clock is the same unless a test says otherwise. */
export const slot = 1_641_103_200;

/** Executor of a run that was launched at `at`. */
export function executor(at: number = slot): Executor {
  return executorOf(at, 43_200);
}

interface BackupShape {
  readonly name?: string;
  readonly uid?: string;
  readonly created?: number;
  readonly status?: object;
}

/** A PgBackup of StatefulSet postgres in namespace shop. */
export function backup(shape: BackupShape = {}): PgBackup {
  const { name = 'daily', uid = `uid-${name}`, created = slot, status = {} } = shape;
  return PgBackup.parse({
    apiVersion: 'aidbox.pg/v01',
    kind: 'PgBackup',
    metadata: { name, namespace: 'shop', uid, resourceVersion: '7', creationTimestamp: rfc3339(created) },
    spec: { selector: { name: 'postgres' } },
    status,
  });
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

export function manager(
  shape: { name?: string; created?: number; spec?: object; conditions?: object } = {},
): PgManager {
  const { name = 'pg-manager', created = slot - 86_400, conditions = {} } = shape;
  return PgManager.parse({
    apiVersion: 'aidbox.pg/v01',
    kind: 'PgManager',
    metadata: {
      name,
      namespace: 'shop',
      uid: `uid-${name}`,
      resourceVersion: '3',
      creationTimestamp: rfc3339(created),
    },
    spec: { selector: { name: 'postgres' }, backup: { numberToRetain: 30, at: '06:00:00', ...shape.spec } },
    status: {
      schedule: { at: '06:00:00', suspended: false, since: rfc3339(created), nextSlot: rfc3339(slot + 86_400) },
      conditions,
    },
  });
}

export function report(shape: Partial<RunReport> = {}): RunReport {
  return {
    id: 'uid-daily',
    kind: 'backup',
    state: 'running',
    deadlineHit: false,
    tombstone: false,
    catalogueChanged: false,
    log: { head: '', tail: 'INFO: first line\nINFO: last line', bytes: 32 },
    ...shape,
  };
}

/** What was seen in the pod. */
export function saw(shape: Partial<Inspection> = {}): Observation['podInspection'] {
  return inspected(slot + 60, shape);
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
    user_data: { aidboxops: { uid: 'uid-daily', namespace: 'shop', statefulSet: 'postgres' } },
    ...shape,
  };
}

/** The catalogue's answer; system identifiers are written as the bare 64-bit numbers that wal-g prints. */
export function catalogue(
  entries: readonly Record<string, unknown>[],
  shape: Partial<CatalogueAnswer> = {},
): Observation['catalogue'] {
  return {
    ok: true,
    value: {
      podTime: slot + 400,
      systemIdentifier,
      backups: JSON.stringify(entries).replaceAll('"SYSID"', systemIdentifier),
      plain: false,
      wal: JSON.stringify([
        {
          id: 1,
          start_segment: '000000010000000000000001',
          end_segment: '000000010000000000000022',
          missing_segments: [],
        },
      ]),
      ready: [],
      readyTotal: 0,
      walgVersion: 'v3.0.8',
      ...shape,
    },
  };
}

export function observe(shape: Partial<Observation> = {}): Observation {
  return {
    now: slot + 60,
    firstRound: false,
    ticked: false,
    namespace: 'shop',
    statefulSet: 'postgres',
    open: [],
    managers: [manager()],
    location: { found: 'ready', containers: [container] },
    ...shape,
  };
}
