/** What is read of StatefulSets and pods. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pod, StatefulSet } from '../../../../functions/domain/resources/workloads.ts';

const time = '2022-01-02T06:05:00Z';

const wholePod = {
  metadata: { name: 'a', uid: 'u', deletionTimestamp: time, ownerReferences: [{ uid: 'o', controller: true }] },
  spec: { containers: [{ name: 'postgres' }] },
  status: {
    phase: 'Running',
    conditions: [{ type: 'Ready', status: 'True', reason: 'r', message: 'm' }],
    containerStatuses: [
      {
        name: 'postgres',
        ready: true,
        containerID: 'c',
        state: { waiting: { reason: 'r', message: 'm' }, running: {}, terminated: { reason: 'r' } },
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
  const bare = { metadata: { name: 'a', uid: 'u' }, spec: wholePod.spec };
  const read = Pod.parse(bare);
  assert.deepEqual(read, {
    metadata: { ...bare.metadata, ownerReferences: [] },
    spec: bare.spec,
    status: { phase: 'Pending', conditions: [], containerStatuses: [] },
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
    { name: 'a', ready: false, containerID: '', state: {} },
    {
      name: 'b',
      ready: false,
      containerID: '',
      state: { waiting: { reason: '', message: '' }, terminated: { reason: '' } },
    },
  ]);
});
