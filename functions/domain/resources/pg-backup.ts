/** PgBackup as the API server stores it. Only fields that are used are named. */
import * as z from 'zod';
import type * as crd from './crds.generated.ts';
import { Executor } from './executor.ts';
import { Metadata, Selector, type FieldsOf } from './metadata.ts';

const StoredBackup = z.object({
  name: z.string(),
  startLSN: z.string().optional(),
  finishLSN: z.string().optional(),
  systemIdentifier: z.string().optional(),
  compressedSize: z.number().optional(),
  uncompressedSize: z.number().optional(),
  walgVersion: z.string().optional(),
  storedAt: z.string().optional(),
  timeline: z.number().optional(),
  parts: z.number().optional(),
  suspectPages: z.number().optional(),
  suspectPath: z.string().optional(),
} satisfies FieldsOf<crd.PgBackupStatusBackup>);
export type StoredBackup = z.infer<typeof StoredBackup>;

const Archive = z.object({
  missing: z.number(),
  oldestReady: z.string().optional(),
  newestStored: z.string().optional(),
  progressTime: z.string(),
} satisfies FieldsOf<crd.PgBackupStatusArchive>);

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
  // Another version may have written these two. Refusing the whole PgBackup would make its run an orphan. Without them
  // the run is found by its UID in the pod.
  archive: Archive.optional().catch(undefined),
  backup: StoredBackup.optional().catch(undefined),
  executor: Executor.optional().catch(undefined),
} satisfies FieldsOf<crd.PgBackupStatus>);
export type PgBackupStatus = z.infer<typeof PgBackupStatus>;

export const PgBackup = z.object({
  apiVersion: z.string(),
  kind: z.literal('PgBackup'),
  metadata: Metadata,
  spec: z.object({ selector: Selector } satisfies FieldsOf<crd.PgBackupSpec>),
  status: PgBackupStatus.default({}),
});
export type PgBackup = z.infer<typeof PgBackup>;
