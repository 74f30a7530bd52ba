/** What the condition of a rotation says of its runs, and how an ending changes it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CatalogueEntry } from '../../../functions/domain/catalogue/catalogue.ts';
import { rotationIsDue, successToServe } from '../../../functions/domain/resources/manager-state.ts';
import type { FinishedRotation, RotationCondition } from '../../../functions/domain/resources/pg-manager.ts';
import {
  afterEnding,
  atRest,
  attemptOf,
  attemptsFor,
  forgottenRuns,
  goneOf,
  retryAt,
  rotationOf,
  type Ending,
} from '../../../functions/rotation/condition.ts';
import { aManager, slot } from '../../support/situations/objects.ts';
import { executorOf } from '../../support/situations/pod.ts';

const time = '2022-01-02T06:10:00Z';

function entry(id: string, state = 'success', finishTime = time): FinishedRotation {
  return { finishTime, id, message: `${id} ended`, startTime: time, state };
}

function ending(shape: Partial<Ending> = {}): Ending {
  return {
    id: 'uid-2-1',
    outcome: 'success',
    message: '2 stored, 1 deleted',
    startTime: time,
    finishTime: time,
    deleted: ['base_1'],
    kept: 2,
    ...shape,
  };
}

const running = { id: 'uid-1-4', startTime: time, executor: {} } as NonNullable<RotationCondition['running']>;
const planned = { id: 'uid-1-3', cut: 'base_2', names: ['base_1'] };

test('the attempt is the number behind the last dash', () => {
  assert.equal(attemptOf('3b1c-44-7'), 7);
  assert.equal(attemptOf('3b1c-x'), 0);
});

const attempts: readonly (readonly [name: string, rotation: RotationCondition, want: number])[] = [
  ['none', {}, 0],
  ['all of the log', { log: [entry('uid-2-1'), entry('uid-1-2'), entry('uid-1-1')] }, 2],
  ['one that was planned', { log: [entry('uid-1-2')], planned }, 3],
  ['one that runs', { planned, running }, 4],
  ['those of another success, of a longer uid', { log: [entry('uid-1-1-9'), entry('uid-11-9')] }, 0],
  ['an entry without id', { log: [{ finishTime: time, startTime: time, state: 'error' }] }, 0],
];

for (const [name, rotation, want] of attempts) {
  test(`attempts: ${name}`, () => assert.equal(attemptsFor(rotation, 'uid-1'), want));
}

const retries: readonly (readonly [name: string, log: FinishedRotation[] | undefined, want: number | undefined])[] = [
  ['nothing has run', undefined, undefined],
  ['it failed: ten minutes later', [entry('uid-1-1', 'error')], 1_641_103_800 + 600],
  ['it failed at a time that is none', [entry('uid-1-1', 'error', 'soon')], 600],
  ['it ended well', [entry('uid-1-1')], undefined],
  ['another one failed', [entry('uid-2-1', 'error')], undefined],
  ['it failed before the last', [entry('uid-2-1'), entry('uid-1-1', 'error')], undefined],
  ['without id', [{ finishTime: time, startTime: time, state: 'error' }], undefined],
];

for (const [name, log, want] of retries) {
  test(`again: ${name}`, () => assert.equal(retryAt(log === undefined ? {} : { log }, 'uid-1'), want));
}

test('what is gone is known only while the cut is listed', () => {
  const listed = (...names: string[]): CatalogueEntry[] => names.map((name) => ({ name }) as CatalogueEntry);
  const plan = { id: 'uid-1-1', cut: 'base_3', names: ['base_1', 'base_2'] };
  assert.deepEqual(goneOf(plan, listed('base_2', 'base_3')), ['base_1']);
  assert.deepEqual(goneOf(plan, listed('base_3', 'base_4')), ['base_1', 'base_2']);
  assert.deepEqual(goneOf(plan, listed('base_4')), [], 'another storage');
  assert.deepEqual(goneOf(undefined, listed('base_3')), []);
});

test('a success: told of, served, its plan done with, what was missing still missing', () => {
  const before: RotationCondition = {
    status: 'pending',
    message: 'deleting',
    servedBackup: 'uid-1',
    attempt: 1,
    running,
    planned,
    missing: ['day-1'],
    announced: 'uid-1-1/success',
  };
  assert.deepEqual(afterEnding(before, ending(), undefined), {
    status: 'ok',
    message: '2 stored, 1 deleted',
    log: [{ finishTime: time, id: 'uid-2-1', message: '2 stored, 1 deleted', startTime: time, state: 'success' }],
    servedBackup: 'uid-2',
    attempt: 1,
    missing: ['day-1'],
    outbox: [{ id: 'uid-2-1', outcome: 'success', message: '2 stored, 1 deleted', deleted: ['base_1'], kept: 2 }],
    announced: 'uid-1-1/success',
  });
});

const endings: readonly (readonly [
  name: string,
  ending: Partial<Ending>,
  want: Pick<RotationCondition, 'status' | 'servedBackup' | 'planned'>,
])[] = [
  ['dry run', { outcome: 'dryrun' }, { status: 'dryrun', servedBackup: 'uid-2', planned }],
  ['refusal', { outcome: 'refused' }, { status: 'error', servedBackup: 'uid-2', planned }],
  ['failure', { outcome: 'error' }, { status: 'error', servedBackup: 'uid-1', planned }],
  ['ninth failure', { outcome: 'error', id: 'uid-2-9' }, { status: 'error', servedBackup: 'uid-1', planned }],
  ['tenth failure', { outcome: 'error', id: 'uid-2-10' }, { status: 'error', servedBackup: 'uid-2', planned }],
];

for (const [name, shape, want] of endings) {
  test(`a ${name} leaves the plan`, () => {
    const { status, servedBackup, planned: left } = afterEnding({ servedBackup: 'uid-1', planned }, ending(shape), []);
    assert.deepEqual({ status, servedBackup, planned: left }, want);
  });
}

test('what is known to be missing replaces what was; nothing missing is no field', () => {
  assert.deepEqual(afterEnding({ missing: ['day-1'] }, ending(), ['day-2']).missing, ['day-2']);
  assert.ok(!('missing' in afterEnding({ missing: ['day-1'] }, ending(), [])));
  assert.ok(!('missing' in afterEnding({}, ending(), undefined)));
  assert.ok(!('kept' in afterEnding({}, ending({ kept: undefined }), []).outbox![0]!));
});

test('five runs are shown, twenty wait to be told, the oldest are given up', () => {
  const log = Array.from({ length: 5 }, (_, at) => entry(`uid-1-${5 - at}`));
  const outbox = Array.from({ length: 20 }, (_, at) => ({
    id: `uid-0-${at}`,
    outcome: 'error' as const,
    message: 'm',
    deleted: [],
  }));
  const after = afterEnding({ log, outbox }, ending(), []);
  assert.deepEqual(
    after.log?.map(({ id }) => id),
    ['uid-2-1', 'uid-1-5', 'uid-1-4', 'uid-1-3', 'uid-1-2'],
  );
  assert.deepEqual(
    after.outbox?.map(({ id }) => id),
    [...outbox.slice(1).map(({ id }) => id), 'uid-2-1'],
  );
});

test('what falls off the log takes its attempts with it, but for those that are still shown', () => {
  const log = ['uid-5-1', 'uid-4-1', 'uid-3-3', 'uid-3-1', 'uid-3-2'].map((id) => entry(id));
  assert.deepEqual(forgottenRuns({ log }, ending()), ['uid-3-2']);
  assert.deepEqual(forgottenRuns({ log: log.slice(1) }, ending()), []);
  assert.deepEqual(forgottenRuns({}, ending()), []);
  const many = [...log.slice(0, 4), entry('uid-0-12')];
  assert.deepEqual(
    forgottenRuns({ log: many }, ending()),
    Array.from({ length: 10 }, (_, at) => `uid-0-${at + 1}`),
    'no more than there may be',
  );
  const nameless = { finishTime: time, startTime: time, state: 'error' };
  assert.deepEqual(forgottenRuns({ log: [...log.slice(0, 4), nameless] }, ending()), []);
});

const rests: readonly (readonly [name: string, rotation: RotationCondition, want: RotationCondition])[] = [
  ['what does not wait stays', { status: 'error', message: 'm' }, { status: 'error', message: 'm' }],
  ['before the first run there is nothing to say', { status: 'pending', message: 'm', attempt: 1 }, { attempt: 1 }],
  ...(['success', 'dryrun', 'refused', 'error'] as const).map((state) => {
    const log = [entry('uid-1-1', state), entry('uid-0-1')];
    const status = ({ success: 'ok', dryrun: 'dryrun', refused: 'error', error: 'error' } as const)[state];
    const want: RotationCondition = { status, message: 'uid-1-1 ended', log };
    return [`after ${state}`, { status: 'pending', message: 'm', log }, want] as const;
  }),
];

for (const [name, rotation, want] of rests) {
  test(`at rest: ${name}`, () => assert.deepEqual(atRest(rotation), want));
}

const lastSuccess = { name: 'day-2', uid: 'uid-2', finishTime: time };
const owedOutcome = { id: 'uid-1-1', outcome: 'success', message: 'm', deleted: [] };

for (const [name, rotation, want, serve] of [
  ['before the first rotation', undefined, true, 'uid-2'],
  ['an older success was served', { servedBackup: 'uid-1' }, true, 'uid-2'],
  ['it was served', { servedBackup: 'uid-2' }, false, undefined],
  ['it was served, and that is not told yet', { servedBackup: 'uid-2', outbox: [owedOutcome] }, true, undefined],
  ['it was served, and all is told', { servedBackup: 'uid-2', outbox: [] }, false, undefined],
  [
    'it was served, and a run goes on',
    { servedBackup: 'uid-2', running: { ...running, executor: executorOf(slot, 3600) } },
    true,
    undefined,
  ],
] as const) {
  test(`owed: ${name}`, () => {
    const blank = aManager().condition('backup', { lastSuccess });
    const manager = (rotation === undefined ? blank : blank.condition('rotation', rotation)).build();
    assert.equal(rotationIsDue(manager), want);
    assert.equal(successToServe(manager), serve);
  });
}

test('without a success nothing is owed', () => {
  const manager = aManager().build();
  assert.equal(rotationIsDue(manager), false);
  assert.deepEqual(rotationOf(manager), {});
  assert.equal(rotationIsDue(aManager().condition('backup', { status: 'error' }).build()), false);
});
