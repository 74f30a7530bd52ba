import '../zod-jitless.ts';
import * as z from 'zod';

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
