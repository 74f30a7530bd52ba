/** StatefulSet controller and scheduler stand-in: makes pods, binds them to the node, replaces and removes them. */
import type { Kube } from '../../../functions/platform/kubernetes/client.ts';
import { follow } from '../client/follow.ts';
import { keyOf, type Pod, type StatefulSet } from '../client/objects.ts';
import type { Rest } from '../client/rest.ts';
import { createSettler } from '../client/work-queue.ts';
import { nextStep, podsOf, statusOf, type Placement } from './statefulset-pods.ts';

/** What a controller works with. */
export interface ControllerParts {
  readonly kube: Kube;
  readonly rest: Rest;
  /** Told about what goes wrong; it is tried again. */
  readonly failed: (message: string) => void;
}

/** A running controller. */
export interface Controller {
  stop(): Promise<void>;
}

/** Follows StatefulSets and pods of all namespaces. */
export function runStatefulSets(parts: ControllerParts, place: Placement): Controller {
  const settler = createSettler(settle, parts.failed);
  const sets = follow<StatefulSet>(parts.rest, '/apis/apps/v1/statefulsets', ({ object }) =>
    settler.look(keyOf(object)),
  );
  const pods = follow<Pod>(parts.rest, '/api/v1/pods', ({ object }) => {
    const owner = object.metadata.ownerReferences?.find((one) => one.kind === 'StatefulSet');
    if (owner !== undefined) settler.look(`${object.metadata.namespace}/${owner.name}`);
  });

  async function settle(key: string): Promise<void> {
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

  /** The scheduler's word about a pod that fits no node. */
  async function reportUnschedulable(owned: readonly Pod[]): Promise<void> {
    for (const pod of owned) {
      const isTold = pod.status?.conditions?.some((one) => one.type === 'PodScheduled');
      if (pod.spec.nodeName !== undefined || isTold === true) continue;
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
    // The name is still taken by a pod that we have not seen go: its deletion makes us look again.
    if (outcome === 'exists') parts.failed(`${podsPath}: a pod of that name exists`);
  }

  /** Written only when it differs: an unchanged status must not wake anybody. */
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
      await settler.stop();
    },
  };
}
