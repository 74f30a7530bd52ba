/** The parts of StatefulSets and pods that are read. */
import * as z from 'zod';
import { Metadata } from './metadata.ts';

export const StatefulSet = z.object({
  metadata: Metadata.pick({ name: true, uid: true }),
  spec: z.object({
    replicas: z.int().default(1),
    selector: z.object({ matchLabels: z.record(z.string(), z.string()).default({}) }).default({ matchLabels: {} }),
  }),
});
export type StatefulSet = z.infer<typeof StatefulSet>;

/** How a container ended. */
const Terminated = z.object({
  reason: z.string().default(''),
  exitCode: z.int().optional(),
  containerID: z.string().default(''),
});

const ContainerStatus = z.object({
  name: z.string(),
  ready: z.boolean().default(false),
  containerID: z.string().default(''),
  state: z
    .object({
      waiting: z.object({ reason: z.string().default(''), message: z.string().default('') }).optional(),
      running: z.unknown().optional(),
      terminated: Terminated.optional(),
    })
    .default({}),
  /** The one before. */
  lastState: z.object({ terminated: Terminated.optional() }).default({}),
});

export const Pod = z.object({
  metadata: Metadata.pick({ name: true, uid: true, deletionTimestamp: true }).extend({
    ownerReferences: z.array(z.object({ uid: z.string(), controller: z.boolean().default(false) })).default([]),
  }),
  spec: z.object({
    containers: z.array(
      z.object({
        name: z.string(),
        resources: z
          .object({ limits: z.object({ memory: z.union([z.string(), z.number()]).optional() }).default({}) })
          .default({ limits: {} }),
      }),
    ),
    readinessGates: z.array(z.unknown()).default([]),
  }),
  status: z
    .object({
      phase: z.string().default('Pending'),
      /** Of the whole pod: `Evicted`. */
      reason: z.string().default(''),
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
    .default({ phase: 'Pending', reason: '', conditions: [], containerStatuses: [] }),
});
export type Pod = z.infer<typeof Pod>;
