import '../zod-jitless.ts';
import * as z from 'zod';
import type { PgBackupStatusExecutor } from './crds.generated.ts';
import type { FieldsOf } from './metadata.ts';

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
} satisfies FieldsOf<PgBackupStatusExecutor>);
export type Executor = z.infer<typeof Executor>;
