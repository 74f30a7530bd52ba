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

/** A pod that is not ready. It is asked all the same while its container runs, and what it says only explains. */
export interface UnreadyPod {
  readonly pod: string;
  /** What Kubernetes says of it. */
  readonly state: string;
  /** Absent while the container does not run. */
  readonly container?: DatabaseContainer;
}

export type Location =
  /** `others` are the pods of the StatefulSet that are not ready, when there are any; with two or more pods all may be. */
  | {
      readonly found: 'ready';
      readonly containers: readonly DatabaseContainer[];
      readonly others?: readonly UnreadyPod[];
    }
  /** Of several pods none that is ready is a primary in production; `who` says what each of them is. */
  | { readonly found: 'noPrimary'; readonly ready: number; readonly who: string }
  /** Two pods or more are ready and in production: their data differs, or will. */
  | { readonly found: 'severalPrimaries'; readonly count: number; readonly who: string }
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
  const containers = pods.flatMap(readyContainer);
  const others = pods.filter((pod) => readyContainer(pod).length === 0).map(unreadyPod);
  if (others.length === 0) return { found: 'ready', containers };
  if (pods.length > 1) return { found: 'ready', containers, others };
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

function readyContainer(pod: Pod): DatabaseContainer[] {
  const container = containerStatusOf(pod);
  if (pod.metadata.deletionTimestamp !== undefined || container?.ready !== true) return [];
  return [{ pod: pod.metadata.name, podUID: pod.metadata.uid, containerID: container.containerID }];
}

function unreadyPod(pod: Pod): UnreadyPod {
  const container = containerStatusOf(pod);
  const state = podState(pod);
  const { name, uid: podUID } = pod.metadata;
  if (container?.state.running === undefined) return { pod: name, state };
  return { pod: name, state, container: { pod: name, podUID, containerID: container.containerID } };
}

/** What the kubelet says of the database container; undefined before it has seen the pod. */
export function containerStatusOf(pod: Pod): Pod['status']['containerStatuses'][number] | undefined {
  return pod.status.containerStatuses.find(({ name }) => name === containerName);
}

/** `Pending: Insufficient memory`, `Running: CrashLoopBackOff`: phase and the first reason that Kubernetes gives. */
function podState(pod: Pod): string {
  if (pod.metadata.deletionTimestamp !== undefined) return 'being deleted';
  const waiting = containerStatusOf(pod)?.state.waiting;
  const blocked = pod.status.conditions.find(({ type, status }) => type === 'PodScheduled' && status === 'False');
  const why = waiting?.message || waiting?.reason || blocked?.message || 'container not ready';
  return oneLine(`${pod.status.phase}: ${why}`);
}

/** `waiting for pod postgres-0 to be ready (Pending: Insufficient memory), until 06:10:02Z`. */
export function waitingMessage(pod: string, state: string, until: UnixSeconds): string {
  return `waiting for pod ${pod} to be ready (${state}), until ${clockTime(until)}`;
}

/** `no primary among 2 ready pods: postgres-1 and postgres-2 are standbys, postgres-0 is not ready (Pending: …)`. */
export function noPrimaryText({ ready, who }: { readonly ready: number; readonly who: string }): string {
  return `no primary among ${ready} ready ${ready === 1 ? 'pod' : 'pods'}: ${who}`;
}

/** `two pods say that they are the primary: postgres-0 (timeline 3) and postgres-1 (timeline 4)`. */
export function severalPrimariesText({ count, who }: { readonly count: number; readonly who: string }): string {
  return `${count === 2 ? 'two' : count} pods say that they are the primary: ${who}`;
}
