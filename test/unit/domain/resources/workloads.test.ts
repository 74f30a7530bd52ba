/** What is read of StatefulSets and pods. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pod, StatefulSet } from '../../../../functions/domain/resources/workloads.ts';

const time = '2022-01-02T06:05:00Z';

const ended = { reason: 'r', exitCode: 137, containerID: 'c' };

const wholePod = {
  metadata: { name: 'a', uid: 'u', deletionTimestamp: time, ownerReferences: [{ uid: 'o', controller: true }] },
  spec: {
    containers: [{ name: 'postgres', resources: { limits: { memory: '512Mi' } } }],
    readinessGates: [{ conditionType: 'g' }],
  },
  status: {
    phase: 'Running',
    reason: 'Evicted',
    conditions: [{ type: 'Ready', status: 'True', reason: 'r', message: 'm' }],
    containerStatuses: [
      {
        name: 'postgres',
        ready: true,
        containerID: 'c',
        state: { waiting: { reason: 'r', message: 'm' }, running: {}, terminated: ended },
        lastState: { terminated: ended },
      },
    ],
  },
};

const wholeSet = { metadata: { name: 'a', uid: 'u' }, spec: { replicas: 3, selector: { matchLabels: { app: 'a' } } } };

test('nothing that we use is lost', () => {
  assert.deepEqual(Pod.parse(wholePod), wholePod);
  assert.deepEqual(StatefulSet.parse(wholeSet), wholeSet);
});

test('what Kubernetes may leave out of a StatefulSet has its default', () => {
  const read = (spec: object): object => StatefulSet.parse({ ...wholeSet, spec }).spec;
  assert.deepEqual(read({}), { replicas: 1, selector: { matchLabels: {} } });
  assert.deepEqual(read({ selector: {} }), { replicas: 1, selector: { matchLabels: {} } });
});

test('what Kubernetes may leave out of a pod has its default', () => {
  const bare = { metadata: { name: 'a', uid: 'u' }, spec: { containers: [{ name: 'postgres' }] } };
  const read = Pod.parse(bare);
  assert.deepEqual(read, {
    metadata: { ...bare.metadata, ownerReferences: [] },
    spec: { containers: [{ name: 'postgres', resources: { limits: {} } }], readinessGates: [] },
    status: { phase: 'Pending', reason: '', conditions: [], containerStatuses: [] },
  });
  assert.deepEqual(Pod.parse({ ...bare, status: {} }), read);
  const { status, metadata: owned } = Pod.parse({
    metadata: { ...bare.metadata, ownerReferences: [{ uid: 'o' }] },
    spec: bare.spec,
    status: {
      conditions: [{ type: 'Ready', status: 'True' }],
      containerStatuses: [{ name: 'a' }, { name: 'b', state: { waiting: {}, terminated: {} } }],
    },
  });
  assert.deepEqual(owned.ownerReferences, [{ uid: 'o', controller: false }]);
  assert.deepEqual(status.conditions, [{ type: 'Ready', status: 'True', reason: '', message: '' }]);
  assert.deepEqual(status.containerStatuses, [
    { name: 'a', ready: false, containerID: '', state: {}, lastState: {} },
    {
      name: 'b',
      ready: false,
      containerID: '',
      state: { waiting: { reason: '', message: '' }, terminated: { reason: '', containerID: '' } },
      lastState: {},
    },
  ]);
});
