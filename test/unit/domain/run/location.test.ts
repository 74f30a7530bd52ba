/** Objects around a selector → the places to work in, or what to say instead. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { locate, waitingMessage, type Location } from '../../../../functions/domain/run/location.ts';
import { Pod, StatefulSet } from '../../../../functions/domain/resources/workloads.ts';

interface PodShape {
  readonly name?: string;
  readonly owner?: string;
  readonly deleted?: boolean;
  readonly containers?: readonly string[];
  readonly status?: object;
}

const up = { phase: 'Running', containerStatuses: [{ name: 'postgres', ready: true, containerID: 'containerd://1' }] };

/** Ready, of StatefulSet `postgres`, in all but what is named. */
function pod(shape: PodShape = {}): Pod {
  const { name = 'postgres-0', owner = 'set-1', deleted = false, containers = ['postgres'], status = up } = shape;
  return Pod.parse({
    metadata: {
      name,
      uid: `uid-${name}`,
      ownerReferences: [{ uid: 'somebody' }, { uid: owner, controller: true }],
      ...(deleted ? { deletionTimestamp: '2022-01-02T06:00:00Z' } : {}),
    },
    spec: { containers: containers.map((container) => ({ name: container })) },
    status,
  });
}

/** The container `postgres` in this state, after a sidecar that is ready. */
function waiting(waits: object | undefined, more: object = {}): PodShape {
  const sidecar = { name: 'metrics', ready: true, containerID: 'containerd://9' };
  const postgres = { name: 'postgres', state: waits === undefined ? { running: {} } : { waiting: waits } };
  return {
    containers: ['metrics', 'postgres'],
    status: { phase: 'Pending', containerStatuses: [sidecar, postgres], ...more },
  };
}

function set(spec: object = {}): StatefulSet {
  return StatefulSet.parse({ metadata: { name: 'postgres', uid: 'set-1' }, spec });
}

function never(text: string): Location {
  return { found: 'never', problem: { kind: 'NoPodAccess', text } };
}

const container = { pod: 'postgres-0', podUID: 'uid-postgres-0', containerID: 'containerd://1' };
const unschedulable = { type: 'PodScheduled', status: 'False', message: 'Insufficient memory' };
const noSet =
  'The selector is immutable: delete this PgManager and create one with the right name; stored backups stay.';

interface Case {
  /** A StatefulSet of one pod, unless it says otherwise. */
  readonly statefulSet?: StatefulSet | 'none';
  readonly otherNames?: readonly string[];
  readonly pods?: readonly Pod[];
  readonly want: Location;
}

const cases: Readonly<Record<string, Case>> = {
  'no StatefulSet in the namespace': {
    statefulSet: 'none',
    want: never(`namespace shop has no StatefulSet "postgres" (it has none). ${noSet}`),
  },
  'another name: those that are there are named, ten at most': {
    statefulSet: 'none',
    otherNames: ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k'],
    want: never(`namespace shop has no StatefulSet "postgres" (it has: a, b, c, d, e, f, g, h, i, j). ${noSet}`),
  },
  'scaled to zero': {
    statefulSet: set({ replicas: 0 }),
    pods: [pod()],
    want: never('StatefulSet postgres has 0 replicas. Scale it up, or set spec.backup.suspend: true.'),
  },
  'no pod yet': { want: { found: 'notReady', pod: 'postgres-0', state: 'no pod yet' } },
  'a pod with its labels that belongs to something else': {
    pods: [pod({ owner: 'set-2' })],
    want: { found: 'notReady', pod: 'postgres-0', state: 'no pod yet' },
  },
  'a container of another name': {
    pods: [pod({ containers: ['postgresql', 'metrics'] })],
    want: never('pod postgres-0 has no container "postgres" (it has: postgresql, metrics). Rename the container.'),
  },
  'a pod of the old template beside one that has the container': {
    pods: [pod({ name: 'postgres-1', containers: ['postgresql'], status: {} }), pod()],
    want: {
      found: 'ready',
      containers: [container],
      others: [{ pod: 'postgres-1', state: 'Pending: container not ready' }],
    },
  },
  ready: { pods: [pod()], want: { found: 'ready', containers: [container] } },
  'several, one of them not ready': {
    statefulSet: set({ replicas: 3 }),
    pods: [pod(), pod({ name: 'postgres-1', ...waiting({}) }), pod({ name: 'postgres-2' })],
    want: {
      found: 'ready',
      containers: [container, { ...container, pod: 'postgres-2', podUID: 'uid-postgres-2' }],
      others: [{ pod: 'postgres-1', state: 'Pending: container not ready' }],
    },
  },
  'several, none of them ready: they explain what they are, those that run': {
    statefulSet: set({ replicas: 2 }),
    pods: [pod(waiting(undefined)), pod({ name: 'postgres-1', ...waiting({}) })],
    want: {
      found: 'ready',
      containers: [],
      others: [
        {
          pod: 'postgres-0',
          state: 'Pending: container not ready',
          container: { pod: 'postgres-0', podUID: 'uid-postgres-0', containerID: '' },
        },
        { pod: 'postgres-1', state: 'Pending: container not ready' },
      ],
    },
  },
  'ready and being deleted': {
    pods: [pod({ deleted: true })],
    want: { found: 'notReady', pod: 'postgres-0', state: 'being deleted' },
  },
  'a pod that the kubelet has not seen': {
    pods: [pod({ status: {} })],
    want: { found: 'notReady', pod: 'postgres-0', state: 'Pending: container not ready' },
  },
  'the message of the container, on one line': {
    pods: [pod(waiting({ reason: 'CrashLoopBackOff', message: 'back-off\n5m0s' }))],
    want: { found: 'notReady', pod: 'postgres-0', state: 'Pending: back-off 5m0s' },
  },
  'its reason when it has no message': {
    pods: [pod(waiting({ reason: 'ContainerCreating' }, { conditions: [unschedulable] }))],
    want: { found: 'notReady', pod: 'postgres-0', state: 'Pending: ContainerCreating' },
  },
  'no node takes it': {
    pods: [pod(waiting({}, { conditions: [{ type: 'Ready', status: 'False', message: 'x' }, unschedulable] }))],
    want: { found: 'notReady', pod: 'postgres-0', state: 'Pending: Insufficient memory' },
  },
  'a node took it': {
    pods: [pod(waiting(undefined, { conditions: [{ ...unschedulable, status: 'True' }], phase: 'Running' }))],
    want: { found: 'notReady', pod: 'postgres-0', state: 'Running: container not ready' },
  },
};

for (const [name, { statefulSet = set(), otherNames = [], pods = [], want }] of Object.entries(cases)) {
  test(name, () => {
    const around = {
      namespace: 'shop',
      statefulSetName: 'postgres',
      statefulSet: statefulSet === 'none' ? undefined : statefulSet,
      otherNames,
      pods,
    };
    assert.deepEqual(locate(around), want);
  });
}

test('waiting, with an end', () => {
  assert.equal(
    waitingMessage('postgres-0', 'Pending: Insufficient memory', 1_641_103_802),
    'waiting for pod postgres-0 to be ready (Pending: Insufficient memory), until 06:10:02Z',
  );
});
