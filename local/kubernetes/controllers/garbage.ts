/** Garbage collector stand-in: removes, a moment later, what only had owners that are gone. */
import { setTimeout as sleep } from 'node:timers/promises';
import { startInformer, type Informer } from '../client/informer.ts';
import type { OwnerReference, Stored } from '../client/objects.ts';
import { createWorkQueue } from '../client/work-queue.ts';
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

/** Watches the kinds that own and are owned here; foreground deletion is not supported. */
export function runGarbageCollector(parts: ControllerParts): Controller {
  const queue = createWorkQueue(reconcile, parts.failed);
  /** Objects that have owners, by API path. */
  const owned = new Map<string, Stored>();

  function watchAll(kind: Kind, changed: Parameters<typeof startInformer<Stored>>[1]['changed']): Informer<Stored> {
    return startInformer<Stored>(parts.api, { path: `${kind.prefix}/${kind.plural}`, changed });
  }

  const informers = [
    ...dependants.map((kind) =>
      watchAll(kind, ({ type, object }) => {
        const path = pathOf(kind, object.metadata.namespace, object.metadata.name);
        if (type === 'deleted' || (object.metadata.ownerReferences ?? []).length === 0) return void owned.delete(path);
        owned.set(path, object);
        queue.add(path);
      }),
    ),
    ...owners.map((kind) =>
      watchAll(kind, ({ type }) => {
        if (type === 'deleted') for (const path of owned.keys()) queue.add(path);
      }),
    ),
  ];

  async function reconcile(path: string): Promise<void> {
    const object = owned.get(path);
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
    const found = (await parts.kube.get(pathOf(kind, namespace, reference.name))) as Stored | undefined;
    return found?.metadata.uid === reference.uid;
  }

  return {
    async stop() {
      for (const informer of informers) informer.stop();
      await queue.stop();
    },
  };
}

function pathOf(kind: Kind, namespace: string | undefined, name: string): string {
  return `${kind.prefix}/namespaces/${namespace}/${kind.plural}/${name}`;
}
