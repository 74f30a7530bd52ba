/** Status of a pod from the states of its containers. No side effects. */
import type { Condition, Pod } from '../client/objects.ts';
import type { RunningContainer } from './container.ts';

/** The status that the node reports; `now` is an RFC 3339 time. */
export function podStatus(pod: Pod, containers: readonly RunningContainer[], now: string): object {
  const states = containers.map((one) => one.state());
  const started = states.every((state) => state.phase !== 'waiting');
  const ready = states.every((state) => state.ready);
  const notReady = containers.filter((one) => !one.state().ready).map((one) => one.container.name);
  const explanation = ready
    ? {}
    : { reason: 'ContainersNotReady', message: `containers with unready status: [${notReady.join(' ')}]` };
  return {
    phase: started ? 'Running' : 'Pending',
    hostIP: '127.0.0.1',
    podIP: '127.0.0.1',
    podIPs: [{ ip: '127.0.0.1' }],
    conditions: [
      condition(pod, { type: 'PodScheduled', status: 'True' }, now),
      condition(pod, { type: 'Initialized', status: 'True' }, now),
      condition(pod, { type: 'ContainersReady', status: ready ? 'True' : 'False', ...explanation }, now),
      condition(pod, { type: 'Ready', status: ready ? 'True' : 'False', ...explanation }, now),
    ],
    containerStatuses: containers.map(containerStatus),
  };
}

/** A condition keeps its time for as long as its status stays. */
function condition(pod: Pod, wanted: Condition, now: string): Condition {
  const stored = pod.status?.conditions?.find((one) => one.type === wanted.type);
  const kept = stored?.status === wanted.status ? stored.lastTransitionTime : undefined;
  return { ...wanted, lastTransitionTime: kept ?? now };
}

function containerStatus(running: RunningContainer): object {
  const state = running.state();
  const terminated = state.termination === undefined ? undefined : { terminated: terminationOf(state.termination) };
  return {
    name: running.container.name,
    image: running.container.image,
    imageID: `local://${running.container.image}`,
    containerID: state.containerId === '' ? '' : `containerd://${state.containerId}`,
    ready: state.ready,
    started: state.phase === 'running',
    restartCount: state.restartCount,
    state:
      state.phase === 'running'
        ? { running: { startedAt: state.startedAt } }
        : (terminated ?? { waiting: { reason: state.waitingFor?.split(':')[0], message: state.waitingFor } }),
    lastState: state.phase === 'running' ? (terminated ?? {}) : {},
  };
}

function terminationOf(end: NonNullable<ReturnType<RunningContainer['state']>['termination']>): object {
  return {
    containerID: `containerd://${end.containerId}`,
    exitCode: end.exitCode,
    reason: end.exitCode === 0 ? 'Completed' : 'Error',
    startedAt: end.startedAt,
    finishedAt: end.finishedAt,
  };
}
