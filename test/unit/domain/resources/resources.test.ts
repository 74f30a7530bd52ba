/** What is read of objects that another version has written. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRunning } from '../../../../functions/domain/resources/backup-state.ts';
import { parseEach } from '../../../../functions/domain/resources/metadata.ts';
import { PgBackup } from '../../../../functions/domain/resources/pg-backup.ts';
import { PgManager } from '../../../../functions/domain/resources/pg-manager.ts';
import { Pod, StatefulSet } from '../../../../functions/domain/resources/workloads.ts';
import { aBackup } from '../../../support/builders.ts';

test('one object that is not understood stops none of its neighbours, and the caller is told', () => {
  const bad = { kind: 'PgBackup', metadata: { name: 'bad' } };
  const told: [unknown, string][] = [];
  const read = parseEach(PgBackup, [aBackup('a').object(), bad, aBackup('b').object()], (...each) => told.push(each));
  assert.deepEqual(
    read.map(({ metadata }) => metadata.name),
    ['a', 'b'],
  );
  assert.deepEqual(
    told.map(([item]) => item),
    [bad],
  );
  assert.match(told[0]![1], /metadata\.namespace/);
});

test('a PgBackup whose executor is not understood is still there, with its state', () => {
  const object = aBackup()
    .status({ state: 'running', startTime: '2022-01-02T06:00:14Z', executor: { pod: 'postgres-0' } })
    .object();
  const [read] = parseEach(PgBackup, [object], (_item, why) => assert.fail(why));
  assert.equal(read?.status.state, 'running');
  assert.equal(read.status.executor, undefined);
  assert.equal(isRunning(read), false, 'looked for by its UID before anything is started');
});

const metadata = {
  name: 'a',
  namespace: 'shop',
  uid: 'uid-a',
  resourceVersion: '1',
  creationTimestamp: '2022-01-02T06:00:00Z',
};
const time = '2022-01-02T06:05:00Z';

const executor = {
  pod: 'postgres-0',
  podUID: 'p',
  containerID: 'c',
  postmasterStartTime: time,
  directory: '/PgBackup',
  deadline: time,
  timeoutSeconds: 60,
  notAfter: time,
  host: 'h',
  ticks: '1',
  boot: 'b',
  postmaster: '1',
};

const wholeManager = {
  apiVersion: 'aidbox.pg/v01',
  kind: 'PgManager',
  metadata: { ...metadata, deletionTimestamp: time, labels: { a: 'b' }, annotations: { c: 'd' } },
  spec: {
    selector: { name: 'postgres' },
    backup: {
      numberToRetain: 1,
      at: '06:00:00',
      suspend: true,
      startingDeadlineSeconds: 1,
      timeoutSeconds: 2,
      directory: '/logs',
    },
    rotation: { mode: 'DryRun', adopt: true },
  },
  status: {
    schedule: {
      at: '06:00:00',
      suspended: true,
      since: time,
      lastSlot: time,
      nextSlot: time,
      message: 'm',
      missed: { count: 1, last: [{ slot: time, first: time, count: 1, reason: 'TooLate' }], announced: time },
    },
    conditions: {
      backup: {
        status: 'ok',
        log: [{ finishTime: time, name: 'a', reason: 'WalgError', startTime: time, state: 'error' }],
        message: 'm',
        running: 'a',
        lastSuccess: { name: 'a', uid: 'u', finishTime: time },
      },
      rotation: {
        status: 'ok',
        log: [{ finishTime: time, id: 'u-1', message: 'm', startTime: time, state: 'success' }],
        message: 'm',
        servedBackup: 'u',
        attempt: 1,
        running: { id: 'u-1', startTime: time, executor: { ...executor, later: 'release' } },
        planned: { id: 'u-1', cut: 'base_2', names: ['base_1'] },
        missing: ['a'],
        outbox: [{ id: 'u-1', outcome: 'success', message: 'm', deleted: ['base_1'], kept: 1 }],
        announced: 'u-1/success',
      },
      storage: { status: 'ok', state: 'available', message: 'm', since: time, failures: 1, announced: 'a' },
    },
  },
};

const wholeBackup = {
  apiVersion: 'aidbox.pg/v01',
  kind: 'PgBackup',
  metadata: { ...metadata, labels: {}, annotations: {} },
  spec: { selector: { name: 'postgres' } },
  status: {
    state: 'success',
    reason: 'ProofUnknown',
    message: 'm',
    startTime: time,
    finishTime: time,
    duration: '1s',
    size: '1 B',
    pendingSince: time,
    unprovenSince: time,
    announced: 'success',
    backup: {
      name: 'base_1',
      startLSN: '0/1',
      finishLSN: '0/2',
      systemIdentifier: '1',
      compressedSize: 1,
      uncompressedSize: 2,
      walgVersion: 'v3.0.8',
    },
    executor,
  },
};

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

for (const [kind, schema, object] of [
  ['PgManager', PgManager, wholeManager],
  ['PgBackup', PgBackup, wholeBackup],
  ['Pod', Pod, wholePod],
  ['StatefulSet', StatefulSet, wholeSet],
] as const) {
  test(`nothing that we use is lost of a ${kind}`, () => assert.deepEqual(schema.parse(object), object));
}

test('what may be left out has its default', () => {
  const { kind, apiVersion, spec } = wholeManager;
  const { numberToRetain, at } = spec.backup;
  const bare = { kind, apiVersion, metadata, spec: { selector: spec.selector, backup: { numberToRetain, at } } };
  const read = PgManager.parse(bare);
  assert.deepEqual(read, {
    ...bare,
    metadata: { ...metadata, labels: {}, annotations: {} },
    spec: {
      selector: spec.selector,
      backup: {
        numberToRetain,
        at,
        suspend: false,
        startingDeadlineSeconds: 21_600,
        timeoutSeconds: 43_200,
        directory: '/PgBackup',
      },
      rotation: { mode: 'Enforce', adopt: false },
    },
    status: { conditions: {} },
  });
  assert.deepEqual(PgManager.parse({ ...bare, spec: { ...bare.spec, rotation: {} }, status: {} }), read);
  assert.deepEqual(PgBackup.parse({ ...wholeBackup, status: undefined }).status, {});
  assert.deepEqual(StatefulSet.parse({ metadata: wholeSet.metadata, spec: {} }).spec, {
    replicas: 1,
    selector: { matchLabels: {} },
  });
  assert.deepEqual(StatefulSet.parse({ ...wholeSet, spec: { selector: {} } }).spec.selector, { matchLabels: {} });
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

const words = {
  backup: { status: ['ok', 'error', 'running', 'pending'] },
  rotation: { status: ['ok', 'error', 'dryrun', 'pending'] },
  storage: { status: ['ok', 'error', 'unknown'], state: ['available', 'unavailable', 'unknown'] },
};

test('every word of the contract is understood; a block with another one counts as absent', () => {
  for (const [name, fields] of Object.entries(words)) {
    for (const [field, values] of Object.entries(fields)) {
      const read = (value: string): unknown =>
        PgManager.parse({ ...wholeManager, status: { conditions: { [name]: { [field]: value } } } }).status.conditions;
      for (const value of values) assert.deepEqual(read(value), { [name]: { [field]: value } });
      assert.deepEqual(read('later'), { [name]: undefined });
    }
  }
  for (const mode of ['Enforce', 'DryRun']) {
    const spec = { ...wholeManager.spec, rotation: { mode } };
    assert.deepEqual(PgManager.parse({ ...wholeManager, spec }).spec.rotation, { mode, adopt: false });
  }
  const status = (change: object): unknown => PgBackup.safeParse({ ...wholeBackup, status: change }).data?.status;
  for (const state of ['pending', 'running', 'success', 'error']) assert.deepEqual(status({ state }), { state });
  for (const announced of ['started', 'success', 'error']) assert.deepEqual(status({ announced }), { announced });
  assert.equal(status({ state: 'later' }), undefined);
  const untold = { id: 'u-1', message: 'm' };
  for (const outcome of ['success', 'dryrun', 'refused', 'error']) {
    const { rotation } = PgManager.parse({
      ...wholeManager,
      status: { conditions: { rotation: { outbox: [{ ...untold, outcome }] } } },
    }).status.conditions;
    assert.deepEqual(rotation?.outbox, [{ ...untold, outcome, deleted: [] }]);
  }
});

test('an older schedule without its list of missed slots', () => {
  const { since, at, suspended } = wholeManager.status.schedule;
  const schedule = { since, at, suspended, missed: { count: 1 } };
  assert.deepEqual(PgManager.parse({ ...wholeManager, status: { schedule } }).status.schedule?.missed, {
    count: 1,
    last: [],
  });
  assert.equal(PgManager.parse({ ...wholeManager, status: { schedule: 'x' } }).status.schedule, undefined);
});

test('at least one backup is kept, and a kind is what it is called', () => {
  const { spec } = wholeManager;
  const none = { ...spec, backup: { ...spec.backup, numberToRetain: 0 } };
  assert.equal(PgManager.safeParse({ ...wholeManager, spec: none }).success, false);
  assert.equal(PgManager.safeParse({ ...wholeManager, kind: 'PgBackup' }).success, false);
  assert.equal(PgBackup.safeParse({ ...wholeBackup, kind: 'PgManager' }).success, false);
});
