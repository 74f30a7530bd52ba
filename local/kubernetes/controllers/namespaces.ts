/** Namespace controller stand-in: a `default` ServiceAccount in each, and an orderly end of deleted ones. */
import { setTimeout as sleep } from 'node:timers/promises';
import { startInformer } from '../client/informer.ts';
import type { Stored } from '../client/objects.ts';
import { createWorkQueue } from '../client/work-queue.ts';
import type { Controller, ControllerParts } from './statefulsets.ts';

interface ApiResource {
  readonly name: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
}

const pollMs = 300;

/** Watches namespaces. */
export function runNamespaces(parts: ControllerParts): Controller {
  const queue = createWorkQueue(reconcile, parts.failed);
  const namespaces = startInformer<Stored>(parts.api, {
    path: '/api/v1/namespaces',
    changed: ({ object }) => queue.add(object.metadata.name),
  });

  async function reconcile(name: string): Promise<void> {
    const namespace = namespaces.get(name);
    if (namespace === undefined) return;
    if (namespace.metadata.deletionTimestamp !== undefined) return finalize(name);
    await parts.kube.create(`/api/v1/namespaces/${name}/serviceaccounts`, {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'default', namespace: name },
    });
  }

  /** Everything in it is deleted first; only an empty namespace loses its finalizer. */
  async function finalize(name: string): Promise<void> {
    for (const collection of await collectionsIn(parts, name)) {
      await parts.api.send({ method: 'DELETE', path: collection });
    }
    if (await hasContent(name)) {
      await sleep(pollMs);
      return queue.add(name);
    }
    await parts.api.send({
      method: 'PUT',
      path: `/api/v1/namespaces/${name}/finalize`,
      body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name }, spec: { finalizers: [] } },
    });
  }

  async function hasContent(name: string): Promise<boolean> {
    for (const collection of await collectionsIn(parts, name)) {
      // Events go on being written while the rest ends; the real controller does not wait for them either.
      if (collection.endsWith('/events')) continue;
      if ((await parts.kube.list(collection, { limit: 1 })).items.length > 0) return true;
    }
    return false;
  }

  return {
    async stop() {
      namespaces.stop();
      await queue.stop();
    },
  };
}

/** API paths of all collections of a namespace that can be emptied. */
async function collectionsIn(parts: ControllerParts, namespace: string): Promise<string[]> {
  const groups = (await parts.kube.get('/apis')) as { groups: { preferredVersion: { groupVersion: string } }[] };
  const prefixes = ['/api/v1', ...groups.groups.map((group) => `/apis/${group.preferredVersion.groupVersion}`)];
  const lists = await Promise.all(
    prefixes.map(async (prefix) => {
      const found = (await parts.kube.get(prefix)) as { resources: ApiResource[] } | undefined;
      return (found?.resources ?? [])
        .filter((one) => one.namespaced && one.verbs.includes('deletecollection') && one.verbs.includes('list'))
        .map((one) => `${prefix}/namespaces/${namespace}/${one.name}`);
    }),
  );
  return lists.flat();
}
