/**
 * PgManager as the API server stores it. Only fields that are used are named. A status block that does not parse counts
 * as absent: its one writer writes it anew.
 */
import * as z from 'zod';
import type * as crd from './crds.generated.ts';
import { Executor } from './executor.ts';
import { Metadata, Selector, type FieldsOf } from './metadata.ts';

const MissedPeriod = z.object({
  /** The last slot of the period, RFC 3339. */
  slot: z.string(),
  first: z.string(),
  count: z.number(),
  reason: z.string(),
} satisfies FieldsOf<crd.PgManagerStatusScheduleMissedLast>);
export type MissedPeriod = z.infer<typeof MissedPeriod>;

const ScheduleStatus = z.object({
  at: z.string(),
  suspended: z.boolean(),
  since: z.string(),
  lastSlot: z.string().optional(),
  nextSlot: z.string().optional(),
  message: z.string().optional(),
  missed: z
    .object({
      count: z.number(),
      last: z.array(MissedPeriod).default([]),
      announced: z.string().optional(),
    } satisfies FieldsOf<crd.PgManagerStatusScheduleMissed>)
    .optional(),
} satisfies FieldsOf<crd.PgManagerStatusSchedule>);
export type ScheduleStatus = z.infer<typeof ScheduleStatus>;

const FinishedRun = z.object({
  finishTime: z.string(),
  name: z.string(),
  reason: z.string().optional(),
  startTime: z.string().optional(),
  state: z.enum(['success', 'error']),
} satisfies FieldsOf<crd.PgManagerStatusConditionsBackupLog>);
export type FinishedRun = z.infer<typeof FinishedRun>;

const BackupCondition = z.object({
  status: z.enum(['ok', 'error', 'running', 'pending']).optional(),
  log: z.array(FinishedRun).optional(),
  message: z.string().optional(),
  running: z.string().optional(),
  lastSuccess: z
    .object({
      name: z.string(),
      uid: z.string(),
      finishTime: z.string(),
    } satisfies FieldsOf<crd.PgManagerStatusConditionsBackupLastSuccess>)
    .optional(),
} satisfies FieldsOf<crd.PgManagerStatusConditionsBackup>);
export type BackupCondition = z.infer<typeof BackupCondition>;

const FinishedRotation = z.object({
  finishTime: z.string(),
  id: z.string().optional(),
  message: z.string().optional(),
  startTime: z.string(),
  state: z.string(),
} satisfies FieldsOf<crd.PgManagerStatusConditionsRotationLog>);
export type FinishedRotation = z.infer<typeof FinishedRotation>;

const RotationOutcome = z.enum(['success', 'dryrun', 'refused', 'error']);
export type RotationOutcome = z.infer<typeof RotationOutcome>;

const PendingAnnouncement = z.object({
  id: z.string(),
  outcome: RotationOutcome,
  message: z.string(),
  deleted: z.array(z.string()).default([]),
  kept: z.int().optional(),
} satisfies FieldsOf<crd.PgManagerStatusConditionsRotationOutbox>);
export type PendingAnnouncement = z.infer<typeof PendingAnnouncement>;

const RotationCondition = z.object({
  status: z.enum(['ok', 'error', 'dryrun', 'pending']).optional(),
  log: z.array(FinishedRotation).optional(),
  message: z.string().optional(),
  servedBackup: z.string().optional(),
  attempt: z.int().optional(),
  running: z
    .object({
      id: z.string(),
      startTime: z.string(),
      executor: Executor.loose(),
    } satisfies FieldsOf<crd.PgManagerStatusConditionsRotationRunning>)
    .optional(),
  /** What runs up to `id` were ordered to delete, until a success has seen it gone. `cut` is the oldest that stays. */
  planned: z
    .object({
      id: z.string(),
      cut: z.string(),
      names: z.array(z.string()),
    } satisfies FieldsOf<crd.PgManagerStatusConditionsRotationPlanned>)
    .optional(),
  /** A deletion of more than half of the proven backups that was announced for the success `for`, and is done with the next one. */
  warned: z
    .object({
      cut: z.string(),
      count: z.int(),
      for: z.string(),
    } satisfies FieldsOf<crd.PgManagerStatusConditionsRotationWarned>)
    .optional(),
  /** Names of PgBackups whose stored backup vanished without a plan; each was warned of once. */
  missing: z.array(z.string()).optional(),
  /** Outcomes that have not been announced, oldest first. */
  outbox: z.array(PendingAnnouncement).optional(),
  announced: z.string().optional(),
} satisfies FieldsOf<crd.PgManagerStatusConditionsRotation>);
export type RotationCondition = z.infer<typeof RotationCondition>;

const StorageCondition = z.object({
  status: z.enum(['ok', 'error', 'unknown']).optional(),
  state: z.enum(['available', 'unavailable', 'unknown']).optional(),
  message: z.string().optional(),
  since: z.string().optional(),
  failures: z.int().optional(),
  announced: z.string().optional(),
} satisfies FieldsOf<crd.PgManagerStatusConditionsStorage>);
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
    } satisfies FieldsOf<crd.PgManagerSpecBackup>),
    rotation: z
      .object({
        mode: z.enum(['Enforce', 'DryRun']).default('Enforce'),
        adopt: z.boolean().default(false),
        adoptFrom: z.array(z.string()).default([]),
      } satisfies FieldsOf<crd.PgManagerSpecRotation>)
      .default({ mode: 'Enforce', adopt: false, adoptFrom: [] }),
  } satisfies FieldsOf<crd.PgManagerSpec>),
  status: z
    .object({
      schedule: ScheduleStatus.optional().catch(undefined),
      conditions: z
        .object({
          backup: BackupCondition.optional().catch(undefined),
          rotation: RotationCondition.optional().catch(undefined),
          storage: StorageCondition.optional().catch(undefined),
        } satisfies FieldsOf<crd.PgManagerStatusConditions>)
        .default({}),
    } satisfies FieldsOf<crd.PgManagerStatus>)
    .default({ conditions: {} }),
});
export type PgManager = z.infer<typeof PgManager>;
