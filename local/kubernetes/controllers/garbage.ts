/** Garbage collector stand-in: removes, a moment later, what only had owners that are gone. */
import { setTimeout as sleep } from 'node:timers/promises';
import { failure } from '../../../functions/domain/request-error.ts';
import { follow, type Change } from '../client/follow.ts';
import type { OwnerReference, Stored } from '../client/objects.ts';
import { createSettler } from '../client/work-queue.ts';
import type { Controller, ControllerParts } from './statefulsets.ts';

/** A kind by its API prefix and plural. */
interface Kind {
  readonly prefix: string;
  readonly kind: string;
  readonly plural: string;
}

const owners: readonly Kind[] = [
  { prefix: '/apis/apps/v1', kind: 'StatefulSet', plural: 'statefulsets' },
  { prefix: '/apis/aidbox.pg/v01', kind: 'PgManager', plural: 'pgmanagers' },
  { prefix: '/apis/aidbox.pg/v01', kind: 'PgBackup', plural: 'pgbackups' },
];

const dependants: readonly Kind[] = [
  { prefix: '/api/v1', kind: 'Pod', plural: 'pods' },
  { prefix: '/api/v1', kind: 'ConfigMap', plural: 'configmaps' },
  { prefix: '/apis/sources.knative.dev/v1', kind: 'PingSource', plural: 'pingsources' },
];

/** The real one works asynchronously, too: an owner is gone before what it owned. */
const delayMs = 250;

/** Follows the kinds that own and are owned here; foreground deletion is not supported. */
export function runGarbageCollector(parts: ControllerParts): Controller {
  const settler = createSettler(settle, parts.failed);
  const pathOfKey = new Map<string, () => Stored | undefined>();

  const followedDependants = dependants.map((kind) => {
    const followed = follow<Stored>(parts.rest, `${kind.prefix}/${kind.plural}`, ({ type, object }: Change<Stored>) => {
      const path = pathOf(kind, object.metadata.namespace, object.metadata.name);
      if (type === 'deleted' || (object.metadata.ownerReferences ?? []).length === 0) return pathOfKey.delete(path);
      pathOfKey.set(path, () => followed.get(`${object.metadata.namespace}/${object.metadata.name}`));
      settler.look(path);
    });
    return followed;
  });

  const followedOwners = owners.map((kind) =>
    follow<Stored>(parts.rest, `${kind.prefix}/${kind.plural}`, ({ type }) => {
      if (type === 'deleted') for (const path of pathOfKey.keys()) settler.look(path);
    }),
  );

  async function settle(path: string): Promise<void> {
    const object = pathOfKey.get(path)?.();
    if (object === undefined || object.metadata.deletionTimestamp !== undefined) return;
    const references = object.metadata.ownerReferences ?? [];
    const alive = await Promise.all(references.map((one) => exists(one, object.metadata.namespace)));
    if (alive.some(Boolean)) return;
    await sleep(delayMs);
    await parts.kube.remove(path, object.metadata.uid);
  }

  /** An owner of that name with another uid is another object. Kinds that we do not know count as alive. */
  async function exists(reference: OwnerReference, namespace: string | undefined): Promise<boolean> {
    const kind = owners.find((one) => one.kind === reference.kind);
    if (kind === undefined) return true;
    try {
      const found = (await parts.kube.get(pathOf(kind, namespace, reference.name))) as Stored | undefined;
      return found?.metadata.uid === reference.uid;
    } catch (error) {
      if (failure.isNotFound(error)) return false;
      throw error;
    }
  }

  return {
    async stop() {
      for (const one of [...followedDependants, ...followedOwners]) one.stop();
      await settler.stop();
    },
  };
}

function pathOf(kind: Kind, namespace: string | undefined, name: string): string {
  return `${kind.prefix}/namespaces/${namespace}/${kind.plural}/${name}`;
}
