/** Which pod to work in: found through the StatefulSet that a selector names. Pure judgement over what was read. */
import type { BackupFailure } from '../failure-kinds.ts';
import { containerName } from '../resources/names.ts';
import type { Pod, StatefulSet } from '../resources/workloads.ts';
import { clockTime, type UnixSeconds } from '../time.ts';
import { oneLine } from '../text.ts';

/** A container that can be worked in now. */
export interface DatabaseContainer {
  readonly pod: string;
  readonly podUID: string;
  readonly containerID: string;
}

export interface Workload {
  readonly namespace: string;
  readonly statefulSetName: string;
  readonly statefulSet?: StatefulSet | undefined;
  /** Names of the namespace's StatefulSets, read only when the one wanted is not there. */
  readonly otherNames: readonly string[];
  /** Pods whose labels fit the StatefulSet. */
  readonly pods: readonly Pod[];
}

export type Location =
  | { readonly found: 'ready'; readonly containers: readonly DatabaseContainer[] }
  /** May become ready by itself; `state` is what Kubernetes says of it. */
  | { readonly found: 'notReady'; readonly pod: string; readonly state: string }
  | { readonly found: 'never'; readonly problem: BackupFailure };

/** First hit wins: what can never work, then what may come, then the places. */
export function locate(workload: Workload): Location {
  const { statefulSet } = workload;
  if (statefulSet === undefined) return never(noStatefulSet(workload));
  if (statefulSet.spec.replicas === 0) {
    return never(
      `StatefulSet ${workload.statefulSetName} has 0 replicas. Scale it up, or set spec.backup.suspend: true.`,
    );
  }
  const pods = workload.pods.filter((pod) =>
    pod.metadata.ownerReferences.some(({ uid }) => uid === statefulSet.metadata.uid),
  );
  const first = pods[0];
  if (first === undefined) return { found: 'notReady', pod: `${workload.statefulSetName}-0`, state: 'no pod yet' };
  if (pods.every((pod) => !hasContainer(pod))) return never(noContainer(first));
  const containers = pods.flatMap(containerIn);
  if (containers.length > 0) return { found: 'ready', containers: containers };
  return { found: 'notReady', pod: first.metadata.name, state: podState(first) };
}

function never(text: string): Location {
  return { found: 'never', problem: { kind: 'NoPodAccess', text } };
}

function noStatefulSet({ namespace, statefulSetName, otherNames }: Workload): string {
  const others = otherNames.length === 0 ? 'it has none' : `it has: ${otherNames.slice(0, 10).join(', ')}`;
  return (
    `namespace ${namespace} has no StatefulSet "${statefulSetName}" (${others}). The selector is immutable: ` +
    'delete this PgManager and create one with the right name; stored backups stay.'
  );
}

function noContainer(pod: Pod): string {
  const names = pod.spec.containers.map(({ name }) => name).join(', ');
  return `pod ${pod.metadata.name} has no container "${containerName}" (it has: ${names}). Rename the container.`;
}

function hasContainer(pod: Pod): boolean {
  return pod.spec.containers.some(({ name }) => name === containerName);
}

function containerIn(pod: Pod): DatabaseContainer[] {
  const container = pod.status.containerStatuses.find(({ name }) => name === containerName);
  if (pod.metadata.deletionTimestamp !== undefined || container?.ready !== true) return [];
  return [{ pod: pod.metadata.name, podUID: pod.metadata.uid, containerID: container.containerID }];
}

/** `Pending: Insufficient memory`, `Running: CrashLoopBackOff`: phase and the first reason that Kubernetes gives. */
function podState(pod: Pod): string {
  if (pod.metadata.deletionTimestamp !== undefined) return 'being deleted';
  const container = pod.status.containerStatuses.find(({ name }) => name === containerName);
  const waiting = container?.state.waiting;
  const blocked = pod.status.conditions.find(({ type, status }) => type === 'PodScheduled' && status === 'False');
  const why = waiting?.message || waiting?.reason || blocked?.message || 'container not ready';
  return oneLine(`${pod.status.phase}: ${why}`);
}

/** `waiting for pod postgres-0 to be ready (Pending: Insufficient memory), until 06:10:02Z`. */
export function waitingMessage(pod: string, state: string, until: UnixSeconds): string {
  return `waiting for pod ${pod} to be ready (${state}), until ${clockTime(until)}`;
}
