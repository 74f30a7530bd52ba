/** What Kubernetes says of the pod of a run that does not answer, or in which another container answers. No side effects. */
import { containerName } from '../resources/names.ts';
import type { Pod } from '../resources/workloads.ts';
import { oneLine } from '../text.ts';
import { parseTime, type UnixSeconds } from '../time.ts';
import { containerStatusOf, type DatabaseContainer } from './location.ts';

type Loss = (pod: Pod, container: DatabaseContainer, now: UnixSeconds) => string | undefined;

const losses: readonly Loss[] = [replaced, nodeLost, stuck, ended, evicted, containerEnded, containerReplaced];

/**
 * Why nothing of a run can be alive in its pod, or why it cannot be reached there; undefined while the pod seems well
 * and is only silent. First hit wins.
 */
export function podLost(pod: Pod | undefined, container: DatabaseContainer, now: UnixSeconds): string | undefined {
  if (pod === undefined) return `pod ${container.pod} is gone`;
  for (const loss of losses) {
    const why = loss(pod, container, now);
    if (why !== undefined) return oneLine(why);
  }
  return undefined;
}

/** Whether an exec has any prospect of an answer, be it from another container. */
export function mayAnswer(pod: Pod | undefined, container: DatabaseContainer, now: UnixSeconds): boolean {
  if (pod === undefined || containerStatusOf(pod)?.state.running === undefined) return false;
  return nodeLost(pod, container) === undefined && stuck(pod, container, now) === undefined;
}

function replaced({ metadata }: Pod, { pod, podUID }: DatabaseContainer): string | undefined {
  return metadata.uid === podUID ? undefined : `pod ${pod} was replaced by another one of its name`;
}

/**
 * When a node stops reporting, its pods get Ready: False and keep everything else that the kubelet said last. A readiness
 * gate does the same, and is no reason.
 */
function nodeLost({ spec, status }: Pod, { pod }: DatabaseContainer): string | undefined {
  const is = (wanted: string): string | undefined => status.conditions.find(({ type }) => type === wanted)?.status;
  const lost = is('Ready') === 'False' && is('ContainersReady') === 'True' && spec.readinessGates.length === 0;
  return lost ? `the node of pod ${pod} is not ready` : undefined;
}

/** Kubernetes sets the time at which the grace of a deletion ends. */
function stuck({ metadata }: Pod, { pod }: DatabaseContainer, now: UnixSeconds): string | undefined {
  const until = parseTime(metadata.deletionTimestamp);
  return until === undefined || now <= until
    ? undefined
    : `pod ${pod} should have ended at ${metadata.deletionTimestamp} and has not`;
}

function ended(pod: Pod, container: DatabaseContainer): string | undefined {
  return endingOf(pod, container);
}

function evicted({ status }: Pod, { pod }: DatabaseContainer): string | undefined {
  if (status.phase !== 'Failed' && status.phase !== 'Succeeded') return undefined;
  return `pod ${pod} has ended (${status.reason || status.phase})`;
}

function containerEnded(pod: Pod, container: DatabaseContainer): string | undefined {
  const state = containerStatusOf(pod)?.state;
  const why = state?.waiting?.reason || (state?.terminated === undefined ? '' : state.terminated.reason || 'ended');
  return why === '' ? undefined : `container ${containerName} of ${container.pod} does not run (${why})`;
}

function containerReplaced(pod: Pod, { containerID, pod: name }: DatabaseContainer): string | undefined {
  const found = containerStatusOf(pod)?.containerID ?? '';
  return found === '' || found === containerID ? undefined : `container ${containerName} of ${name} was started anew`;
}

/** How the run's own container ended, where that explains it. */
export function endingOf(pod: Pod | undefined, { containerID, pod: name }: DatabaseContainer): string | undefined {
  const status = pod === undefined ? undefined : containerStatusOf(pod);
  const endings = [status?.state.terminated, status?.lastState.terminated];
  const ending = endings.find((terminated) => terminated?.containerID === containerID);
  if (pod === undefined || ending?.reason !== 'OOMKilled') return undefined;
  const limit = pod.spec.containers.find((container) => container.name === containerName)?.resources.limits.memory;
  const which = limit === undefined ? '' : ` (memory limit ${limit})`;
  return `container ${containerName} of ${name} was OOMKilled during the run${which}. Lower WALG_UPLOAD_CONCURRENCY, or set GOMEMLIMIT`;
}
