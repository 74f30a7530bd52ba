/** Status as the Knative controllers would write it, so that `kubectl get` and `kubectl wait` work. */
import { isDeepStrictEqual } from 'node:util';
import { requestError } from '../../../functions/domain/request-error.ts';
import { messageOf } from '../../machine/error-message.ts';
import type { Context } from './context.ts';
import { keyOf, type Stored } from '../../kubernetes/client/objects.ts';
import { objectPath, type CollectionName, type KnativeObject } from './objects.ts';

/** Why an object is not ready. */
export interface NotReady {
  readonly reason: string;
  readonly message: string;
}

/** Ready, or why not, and the fields of the status beside the conditions. */
export interface Verdict {
  readonly problem?: NotReady | undefined;
  readonly fields: Readonly<Record<string, unknown>>;
}

const fieldManager = 'knative-stand-in';

/** Writes the verdict unless the status has it already; after a conflict the next reconcile of the object repeats it. */
export async function writeStatus(
  context: Context,
  collection: CollectionName,
  object: KnativeObject,
  verdict: Verdict,
): Promise<void> {
  const wanted = statusOf(object, verdict, new Date());
  if (isDeepStrictEqual(wanted, object.status)) return;
  await write(context, collection, object, { body: { status: wanted }, subresource: 'status' });
}

/** Adds our finalizer, or gives it up (server-side apply removes what its manager no longer names). */
export async function writeFinalizers(
  context: Context,
  collection: CollectionName,
  object: KnativeObject,
  finalizers: readonly string[],
): Promise<void> {
  await write(context, collection, object, { body: {}, metadata: { finalizers } });
}

/** The status that says this verdict; keeps the time of the last transition when nothing turned. */
function statusOf(object: KnativeObject, verdict: Verdict, now: Date): NonNullable<Stored['status']> {
  const status = verdict.problem === undefined ? 'True' : 'False';
  const before = object.status?.conditions?.find(({ type }) => type === 'Ready');
  const lastTransitionTime =
    before?.status === status && before.lastTransitionTime !== undefined
      ? before.lastTransitionTime
      : `${now.toISOString().slice(0, 19)}Z`;
  const fields = Object.fromEntries(Object.entries(verdict.fields).filter(([, value]) => value !== undefined));
  return {
    ...fields,
    observedGeneration: object.metadata.generation,
    conditions: [{ type: 'Ready', status, lastTransitionTime, ...verdict.problem }],
  };
}

interface Write {
  readonly body: object;
  readonly metadata?: object;
  readonly subresource?: 'status';
}

async function write(
  context: Context,
  collection: CollectionName,
  object: KnativeObject,
  { body, metadata, subresource }: Write,
): Promise<void> {
  const { name, namespace, uid } = object.metadata;
  try {
    await context.kube.apply(
      objectPath(collection, object),
      {
        apiVersion: object.apiVersion,
        kind: object.kind,
        // The uid keeps the apply from creating the object anew when it is gone.
        metadata: { name, namespace, uid, ...metadata },
        ...body,
      },
      { fieldManager, force: true, subresource },
    );
  } catch (error) {
    if (requestError.isNotFound(error) || requestError.isConflict(error) || context.signal.aborted) return;
    context.trace({ kind: 'trouble', what: `${object.kind} ${keyOf(object)}`, message: messageOf(error) });
  }
}
