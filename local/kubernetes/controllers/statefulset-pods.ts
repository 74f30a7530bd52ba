/** Which pods a StatefulSet shall have. No side effects. */
import { createHash } from 'node:crypto';
import { isTrue, type Pod, type StatefulSet } from '../client/objects.ts';

const revisionLabel = 'controller-revision-hash';

/** What to do next; at most one step, as the real controller does with OrderedReady. */
export type Step =
  | { readonly do: 'create'; readonly pod: object }
  | { readonly do: 'delete'; readonly pod: Pod }
  | { readonly do: 'wait' };

/** Name of the template's revision: pods of another one are replaced. */
export function revisionOf(set: StatefulSet): string {
  const hash = createHash('sha256').update(JSON.stringify(set.spec.template)).digest('hex').slice(0, 10);
  return `${set.metadata.name}-${hash}`;
}

/** The pods that this set controls, by ordinal. */
export function podsOf(set: StatefulSet, pods: readonly Pod[]): Pod[] {
  return pods
    .filter((pod) => pod.metadata.ownerReferences?.some((one) => one.controller && one.uid === set.metadata.uid))
    .sort((a, b) => ordinalOf(a) - ordinalOf(b));
}

/** Ready, and not on its way out. */
function isReady(pod: Pod): boolean {
  return isTrue(pod, 'Ready') && pod.metadata.deletionTimestamp === undefined;
}

/** The next step towards the wanted pods: surplus ones go first, then missing ones come, then old ones are replaced. */
export function nextStep(set: StatefulSet, owned: readonly Pod[], place: Placement): Step {
  if (owned.some((pod) => pod.metadata.deletionTimestamp !== undefined)) return { do: 'wait' };
  const replicas = set.spec.replicas ?? 1;
  const surplus = owned.findLast((pod) => ordinalOf(pod) >= replicas);
  if (surplus !== undefined) return { do: 'delete', pod: surplus };

  const outdated = owned.findLast((pod) => pod.metadata.labels?.[revisionLabel] !== revisionOf(set));
  for (let ordinal = 0; ordinal < replicas; ordinal += 1) {
    const pod = owned.find((one) => ordinalOf(one) === ordinal);
    if (pod === undefined) return { do: 'create', pod: buildPod(set, ordinal, place) };
    if (!isReady(pod)) return pod === outdated ? { do: 'delete', pod } : { do: 'wait' };
  }
  return outdated === undefined ? { do: 'wait' } : { do: 'delete', pod: outdated };
}

/** The status of the set. */
export function statusOf(set: StatefulSet, owned: readonly Pod[]): object {
  const revision = revisionOf(set);
  const ready = owned.filter(isReady).length;
  const updated = owned.filter((pod) => pod.metadata.labels?.[revisionLabel] === revision).length;
  return {
    observedGeneration: set.metadata.generation ?? 1,
    replicas: owned.length,
    readyReplicas: ready,
    availableReplicas: ready,
    currentReplicas: updated,
    updatedReplicas: updated,
    currentRevision: revision,
    updateRevision: revision,
    collisionCount: 0,
  };
}

/** Where pods go: the only node, if it has the labels that they ask for. */
export interface Placement {
  readonly nodeName: string;
  readonly nodeLabels: Readonly<Record<string, string>>;
}

function buildPod(set: StatefulSet, ordinal: number, place: Placement): object {
  const { template } = set.spec;
  const name = `${set.metadata.name}-${ordinal}`;
  const claims = (set.spec.volumeClaimTemplates ?? []).map((claim) => ({
    name: claim.metadata.name,
    persistentVolumeClaim: { claimName: `${claim.metadata.name}-${name}` },
  }));
  const asked = Object.entries(template.spec.nodeSelector ?? {});
  const fits = asked.every(([label, value]) => place.nodeLabels[label] === value);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: set.metadata.namespace,
      labels: {
        ...template.metadata?.labels,
        'apps.kubernetes.io/pod-index': String(ordinal),
        'statefulset.kubernetes.io/pod-name': name,
        [revisionLabel]: revisionOf(set),
      },
      annotations: template.metadata?.annotations,
      ownerReferences: [
        {
          apiVersion: 'apps/v1',
          kind: 'StatefulSet',
          name: set.metadata.name,
          uid: set.metadata.uid,
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    spec: {
      ...template.spec,
      hostname: name,
      subdomain: set.spec.serviceName,
      volumes: [...(template.spec.volumes ?? []), ...claims],
      ...(fits ? { nodeName: place.nodeName } : {}),
    },
  };
}

function ordinalOf(pod: Pod): number {
  return Number(/-(\d+)$/.exec(pod.metadata.name)?.[1] ?? -1);
}
