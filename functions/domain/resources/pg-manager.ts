/**
 * PgManager and PgBackup as the API server stores them, and the parts of built-in kinds that we look at. Only fields
 * that are used are named. A status block that does not parse counts as absent: its one writer writes it anew.
 */
import * as z from 'zod';

// The JIT of zod costs more than it saves in a process that parses a few objects and goes away.
z.config({ jitless: true });

const Metadata = z.object({
  name: z.string(),
  namespace: z.string(),
  uid: z.string(),
  resourceVersion: z.string(),
  creationTimestamp: z.string(),
  deletionTimestamp: z.string().optional(),
  labels: z.record(z.string(), z.string()).default({}),
  annotations: z.record(z.string(), z.string()).default({}),
});

const Selector = z.object({ name: z.string() });

/** Where a run takes place, pinned when it starts. `host` … `postmaster` are the identity that the pod gave. */
export const Executor = z.object({
  pod: z.string(),
  podUID: z.string(),
  containerID: z.string(),
  postmasterStartTime: z.string().optional(),
  directory: z.string(),
  deadline: z.string(),
  timeoutSeconds: z.int(),
  notAfter: z.string(),
  host: z.string(),
  ticks: z.string(),
  boot: z.string(),
  postmaster: z.string(),
});
export type Executor = z.infer<typeof Executor>;

const MissedSettling = z.object({
  /** The last slot of the settling, RFC 3339. */
  slot: z.string(),
  first: z.string(),
  count: z.int(),
  reason: z.string(),
});
export type MissedSettling = z.infer<typeof MissedSettling>;

const ScheduleStatus = z.object({
  at: z.string(),
  suspended: z.boolean(),
  since: z.string(),
  lastSlot: z.string().optional(),
  nextSlot: z.string().optional(),
  message: z.string().optional(),
  missed: z
    .object({ count: z.int(), last: z.array(MissedSettling).default([]), announced: z.string().optional() })
    .optional(),
});
export type ScheduleStatus = z.infer<typeof ScheduleStatus>;

const FinishedRun = z.object({
  finishTime: z.string(),
  name: z.string(),
  reason: z.string().optional(),
  startTime: z.string().optional(),
  state: z.string(),
});
export type FinishedRun = z.infer<typeof FinishedRun>;

const BackupCondition = z.object({
  status: z.enum(['ok', 'error', 'running', 'pending']).optional(),
  log: z.array(FinishedRun).optional(),
  message: z.string().optional(),
  running: z.string().optional(),
  lastSuccess: z.object({ name: z.string(), uid: z.string(), finishTime: z.string() }).optional(),
});
export type BackupCondition = z.infer<typeof BackupCondition>;

const FinishedRotation = z.object({
  finishTime: z.string(),
  id: z.string().optional(),
  message: z.string().optional(),
  startTime: z.string(),
  state: z.string(),
});
export type FinishedRotation = z.infer<typeof FinishedRotation>;

const RotationOutcome = z.enum(['success', 'dryrun', 'refused', 'error']);
export type RotationOutcome = z.infer<typeof RotationOutcome>;

const UntoldRotation = z.object({
  id: z.string(),
  outcome: RotationOutcome,
  message: z.string(),
  deleted: z.array(z.string()).default([]),
  kept: z.int().optional(),
});
export type UntoldRotation = z.infer<typeof UntoldRotation>;

const RotationCondition = z.object({
  status: z.enum(['ok', 'error', 'dryrun', 'pending']).optional(),
  log: z.array(FinishedRotation).optional(),
  message: z.string().optional(),
  servedBackup: z.string().optional(),
  attempt: z.int().optional(),
  running: z.object({ id: z.string(), startTime: z.string(), executor: Executor.loose() }).optional(),
  /** What runs up to `id` were ordered to delete, until a success has seen it gone. `cut` is the oldest that stays. */
  planned: z.object({ id: z.string(), cut: z.string(), names: z.array(z.string()) }).optional(),
  /** Names of PgBackups whose stored backup vanished without a plan; each was warned of once. */
  missing: z.array(z.string()).optional(),
  /** Outcomes that have not been announced, oldest first. */
  outbox: z.array(UntoldRotation).optional(),
  announced: z.string().optional(),
});
export type RotationCondition = z.infer<typeof RotationCondition>;

const StorageCondition = z.object({
  status: z.enum(['ok', 'error', 'unknown']).optional(),
  state: z.enum(['available', 'unavailable', 'unknown']).optional(),
  message: z.string().optional(),
  since: z.string().optional(),
  failures: z.int().optional(),
  announced: z.string().optional(),
});
export type StorageCondition = z.infer<typeof StorageCondition>;

export const PgManager = z.object({
  apiVersion: z.string(),
  kind: z.literal('PgManager'),
  metadata: Metadata,
  spec: z.object({
    selector: Selector,
    backup: z.object({
      numberToRetain: z.int().min(1),
      at: z.string(),
      suspend: z.boolean().default(false),
      startingDeadlineSeconds: z.int().default(21_600),
      timeoutSeconds: z.int().default(43_200),
      directory: z.string().default('/PgBackup'),
    }),
    rotation: z
      .object({ mode: z.enum(['Enforce', 'DryRun']).default('Enforce'), adopt: z.boolean().default(false) })
      .default({ mode: 'Enforce', adopt: false }),
  }),
  status: z
    .object({
      schedule: ScheduleStatus.optional().catch(undefined),
      conditions: z
        .object({
          backup: BackupCondition.optional().catch(undefined),
          rotation: RotationCondition.optional().catch(undefined),
          storage: StorageCondition.optional().catch(undefined),
        })
        .default({}),
    })
    .default({ conditions: {} }),
});
export type PgManager = z.infer<typeof PgManager>;

const StoredBackup = z.object({
  name: z.string(),
  startLSN: z.string().optional(),
  finishLSN: z.string().optional(),
  systemIdentifier: z.string().optional(),
  compressedSize: z.number().optional(),
  uncompressedSize: z.number().optional(),
  walgVersion: z.string().optional(),
});
export type StoredBackup = z.infer<typeof StoredBackup>;

const PgBackupStatus = z.object({
  state: z.enum(['pending', 'running', 'success', 'error']).optional(),
  reason: z.string().optional(),
  message: z.string().optional(),
  startTime: z.string().optional(),
  finishTime: z.string().optional(),
  duration: z.string().optional(),
  size: z.string().optional(),
  pendingSince: z.string().optional(),
  unprovenSince: z.string().optional(),
  announced: z.enum(['started', 'success', 'error']).optional(),
  backup: StoredBackup.optional(),
  // Written by another version: to leave the whole PgBackup out would make an orphan of its run. Without it the run is
  // found by its UID in the pod.
  executor: Executor.optional().catch(undefined),
});
export type PgBackupStatus = z.infer<typeof PgBackupStatus>;

export const PgBackup = z.object({
  apiVersion: z.string(),
  kind: z.literal('PgBackup'),
  metadata: Metadata,
  spec: z.object({ selector: Selector }),
  status: PgBackupStatus.default({}),
});
export type PgBackup = z.infer<typeof PgBackup>;

export const StatefulSet = z.object({
  metadata: Metadata.pick({ name: true, uid: true }),
  spec: z.object({
    replicas: z.int().default(1),
    selector: z.object({ matchLabels: z.record(z.string(), z.string()).default({}) }).default({ matchLabels: {} }),
  }),
});
export type StatefulSet = z.infer<typeof StatefulSet>;

const ContainerStatus = z.object({
  name: z.string(),
  ready: z.boolean().default(false),
  containerID: z.string().default(''),
  state: z
    .object({
      waiting: z.object({ reason: z.string().default(''), message: z.string().default('') }).optional(),
      running: z.unknown().optional(),
      terminated: z.object({ reason: z.string().default('') }).optional(),
    })
    .default({}),
});

export const Pod = z.object({
  metadata: Metadata.pick({ name: true, uid: true, deletionTimestamp: true }).extend({
    ownerReferences: z.array(z.object({ uid: z.string(), controller: z.boolean().default(false) })).default([]),
  }),
  spec: z.object({ containers: z.array(z.object({ name: z.string() })) }),
  status: z
    .object({
      phase: z.string().default('Pending'),
      conditions: z
        .array(
          z.object({
            type: z.string(),
            status: z.string(),
            reason: z.string().default(''),
            message: z.string().default(''),
          }),
        )
        .default([]),
      containerStatuses: z.array(ContainerStatus).default([]),
    })
    .default({ phase: 'Pending', conditions: [], containerStatuses: [] }),
});
export type Pod = z.infer<typeof Pod>;

/** Items that parse, in their order. One bad object must not stop its neighbours; the caller is told of each. */
export function parseEach<T>(
  schema: z.ZodType<T>,
  items: readonly unknown[],
  skipped: (item: unknown, why: string) => void,
): T[] {
  return items.flatMap((item) => {
    const parsed = schema.safeParse(item);
    if (parsed.success) return [parsed.data];
    skipped(item, z.prettifyError(parsed.error));
    return [];
  });
}
