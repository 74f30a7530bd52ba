/** StatefulSet controller and scheduler stand-in: makes pods, binds them to the node, replaces and removes them. */
import type { Kube } from '../../../functions/platform/kubernetes/client.ts';
import type { ApiClient } from '../client/api-client.ts';
import { startInformer } from '../client/informer.ts';
import { keyOf, type Pod, type StatefulSet } from '../client/objects.ts';
import { createWorkQueue } from '../client/work-queue.ts';
import { nextStep, podsOf, statusOf, type Placement } from './statefulset-pods.ts';

/** What a controller works with. */
export interface ControllerParts {
  readonly kube: Kube;
  readonly api: ApiClient;
  /** Takes the message of a failure; the work is tried again. */
  readonly failed: (message: string) => void;
}

/** A running controller. */
export interface Controller {
  stop(): Promise<void>;
}

/** Watches StatefulSets and pods of all namespaces. */
export function runStatefulSets(parts: ControllerParts, place: Placement): Controller {
  const queue = createWorkQueue(reconcile, parts.failed);
  const sets = startInformer<StatefulSet>(parts.api, {
    path: '/apis/apps/v1/statefulsets',
    changed: ({ object }) => queue.add(keyOf(object)),
  });
  const pods = startInformer<Pod>(parts.api, {
    path: '/api/v1/pods',
    changed({ object }) {
      const owner = object.metadata.ownerReferences?.find((one) => one.kind === 'StatefulSet');
      if (owner !== undefined) queue.add(`${object.metadata.namespace}/${owner.name}`);
    },
  });

  async function reconcile(key: string): Promise<void> {
    const set = sets.get(key);
    if (set === undefined || set.metadata.deletionTimestamp !== undefined) return;
    const owned = podsOf(set, pods.all());
    const podsPath = `/api/v1/namespaces/${set.metadata.namespace}/pods`;
    const step = nextStep(set, owned, place);
    if (step.do === 'create') await createPod(podsPath, step.pod);
    if (step.do === 'delete') await parts.kube.remove(`${podsPath}/${step.pod.metadata.name}`, step.pod.metadata.uid);
    await reportUnschedulable(owned);
    await writeStatus(set, statusOf(set, owned));
  }

  /** Reports, as the scheduler does, a pod that fits no node. */
  async function reportUnschedulable(owned: readonly Pod[]): Promise<void> {
    for (const pod of owned) {
      const isReported = pod.status?.conditions?.some((one) => one.type === 'PodScheduled');
      if (pod.spec.nodeName !== undefined || isReported === true) continue;
      const { name, namespace, uid } = pod.metadata;
      const message = "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.";
      const conditions = [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message }];
      await parts.kube.apply(
        `/api/v1/namespaces/${namespace}/pods/${name}`,
        { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace, uid }, status: { phase: 'Pending', conditions } },
        { fieldManager: 'local-scheduler', force: true, subresource: 'status' },
      );
    }
  }

  async function createPod(podsPath: string, pod: object): Promise<void> {
    const outcome = await parts.kube.create(podsPath, pod);
    // The name is still taken by a pod whose deletion the informer has not shown yet; that will cause a reconcile.
    if (outcome === 'exists') parts.failed(`${podsPath}: a pod of that name exists`);
  }

  /** Written only when it differs: an unchanged status must not cause another reconcile. */
  async function writeStatus(set: StatefulSet, status: object): Promise<void> {
    const differs = Object.entries(status).some(([field, value]) => (set.status?.[field] ?? 0) !== value);
    if (!differs) return;
    const { name, namespace } = set.metadata;
    await parts.kube.apply(
      `/apis/apps/v1/namespaces/${namespace}/statefulsets/${name}`,
      { apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name, namespace }, status },
      { fieldManager: 'local-statefulset-controller', force: true, subresource: 'status' },
    );
  }

  return {
    async stop() {
      sets.stop();
      pods.stop();
      await queue.stop();
    },
  };
}
