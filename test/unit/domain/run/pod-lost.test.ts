/** The Pod of a silent run → why nothing of it is alive, or that it may be. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endingOf, mayAnswer, podLost } from '../../../../functions/domain/run/pod-lost.ts';
import { Pod } from '../../../../functions/domain/resources/workloads.ts';
import { rfc3339 } from '../../../../functions/domain/time.ts';
import { slot } from '../../../support/situations/objects.ts';
import { container } from '../../../support/situations/pod.ts';

type Plain = Readonly<Record<string, unknown>>;

/** The pod that a run was started in, running, but for what is named. */
function pod(shape: { metadata?: Plain; spec?: Plain; status?: Plain; container?: Plain } = {}): Pod {
  return Pod.parse({
    metadata: { name: 'postgres-0', uid: container.podUID, ...shape.metadata },
    spec: { containers: [{ name: 'postgres', resources: { limits: { memory: '512Mi' } } }], ...shape.spec },
    status: {
      phase: 'Running',
      containerStatuses: [
        {
          name: 'postgres',
          ready: true,
          containerID: container.containerID,
          state: { running: {} },
          ...shape.container,
        },
      ],
      ...shape.status,
    },
  });
}

const nodeDead = [
  { type: 'Ready', status: 'False' },
  { type: 'ContainersReady', status: 'True' },
];
const oomKilled = { reason: 'OOMKilled', exitCode: 137, containerID: container.containerID };
const backingOff = { state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 5m0s' } }, ready: false };

interface Case {
  readonly pod: Pod | undefined;
  readonly want: string | undefined;
  /** Whether an exec has a prospect. */
  readonly answers: boolean;
}

const cases: Readonly<Record<string, Case>> = {
  'silent and well': { pod: pod(), want: undefined, answers: true },
  gone: { pod: undefined, want: 'pod postgres-0 is gone', answers: false },
  'another pod of its name': {
    pod: pod({ metadata: { uid: 'pod-uid-2' } }),
    want: 'pod postgres-0 was replaced by another one of its name',
    answers: true,
  },
  'H72 the node does not report': {
    pod: pod({ status: { conditions: nodeDead } }),
    want: 'the node of pod postgres-0 is not ready',
    answers: false,
  },
  'a readiness gate looks the same and is none': {
    pod: pod({ status: { conditions: nodeDead }, spec: { readinessGates: [{ conditionType: 'g' }] } }),
    want: undefined,
    answers: true,
  },
  'a sidecar that is not ready': {
    pod: pod({ status: { conditions: nodeDead.map(({ type }) => ({ type, status: 'False' })) } }),
    want: undefined,
    answers: true,
  },
  'terminating within its grace': {
    pod: pod({ metadata: { deletionTimestamp: rfc3339(slot) } }),
    want: undefined,
    answers: true,
  },
  'H72 terminating beyond its grace': {
    pod: pod({ metadata: { deletionTimestamp: rfc3339(slot - 1) } }),
    want: 'pod postgres-0 should have ended at 2022-01-02T05:59:59Z and has not',
    answers: false,
  },
  'H72 a volume that is full': {
    pod: pod({ container: backingOff }),
    want: 'container postgres of postgres-0 does not run (CrashLoopBackOff)',
    answers: false,
  },
  'H72 it was killed for its memory, and begins again and again': {
    pod: pod({ container: { ...backingOff, lastState: { terminated: oomKilled } } }),
    want: 'container postgres of postgres-0 was OOMKilled during the run (memory limit 512Mi). Lower WALG_UPLOAD_CONCURRENCY, or set GOMEMLIMIT',
    answers: false,
  },
  'a container that ended': {
    pod: pod({ container: { state: { terminated: {} } } }),
    want: 'container postgres of postgres-0 does not run (ended)',
    answers: false,
  },
  'another container': {
    pod: pod({ container: { containerID: 'containerd://2' } }),
    want: 'container postgres of postgres-0 was started anew',
    answers: true,
  },
  evicted: {
    pod: pod({ status: { phase: 'Failed', reason: 'Evicted', containerStatuses: [] } }),
    want: 'pod postgres-0 has ended (Evicted)',
    answers: false,
  },
};

for (const [name, { answers, pod: seen, want }] of Object.entries(cases)) {
  test(name, () => {
    assert.deepEqual([podLost(seen, container, slot), mayAnswer(seen, container, slot)], [want, answers]);
  });
}

test('the end of an earlier container explains nothing', () => {
  const terminated = { ...oomKilled, containerID: 'containerd://0' };
  assert.equal(endingOf(pod({ container: { lastState: { terminated } } }), container), undefined);
});
