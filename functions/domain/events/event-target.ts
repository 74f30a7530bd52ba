/**
 * The object that an event refers to. Nothing else in an event is believed, so a forged one costs at most one useless
 * reconcile. An event that does not parse refers to nothing.
 */
import * as z from 'zod';

const Name = z
  .string()
  .min(1)
  .max(253)
  .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/);

/** An object as ApiServerSource sends it in Resource mode. */
const ObjectData = z.object({
  kind: z.enum(['PgManager', 'PgBackup']),
  metadata: z.object({ name: Name, namespace: Name }),
  spec: z.object({ selector: z.object({ name: Name }) }),
  status: z.object({ state: z.string() }).optional().catch(undefined),
});

/** A timer's or another function's pointer. */
const PointerData = z.object({ namespace: Name, name: Name, statefulSet: Name.optional() });

const PageData = z.object({
  tick: z.string().max(300),
  page: z.int().min(1).max(100_000),
  kind: z.enum(['PgManager', 'PgBackup']),
  continue: z.string().max(16_384),
  /** RFC 3339, API server's clock: pages of an old sweep are dropped. */
  started: z.string().max(64),
});
export type PageToken = z.infer<typeof PageData>;

/** An object to reconcile; `statefulSet` is known when the event carried the object or named it. */
export interface EventTarget {
  readonly namespace: string;
  readonly name: string;
  readonly statefulSet?: string | undefined;
  /** Of a PgBackup that the event carried. */
  readonly state?: string | undefined;
}

/** The parts of a CloudEvent that may name an object. */
export interface EventLike {
  readonly type: string;
  readonly id: string;
  readonly data?: unknown;
}

/** Returns the object that an event refers to; undefined when it refers to none. */
export function eventTargetOf(event: EventLike): EventTarget | undefined {
  const object = ObjectData.safeParse(event.data);
  if (object.success) {
    const { metadata, spec, status } = object.data;
    return { ...metadata, statefulSet: spec.selector.name, state: status?.state };
  }
  return PointerData.safeParse(event.data).data;
}

/** The page that a page event asks for; undefined for anything else. */
export function pageTokenOf(event: EventLike): PageToken | undefined {
  return PageData.safeParse(event.data).data;
}
