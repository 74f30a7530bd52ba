/** What a run is pinned to, and how long a cut start is waited for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pinExecutor, startMayStillArrive } from '../../../../functions/domain/run/launch.ts';

const container = { pod: 'postgres-0', podUID: 'p', containerID: 'c' };
const identity = { host: 'postgres-0', ticks: '1', boot: 'b', postmaster: '1640855462' };
const podTime = 1_641_103_200;
const executor = pinExecutor(
  { container: container, inspection: { identity, podTime } },
  { directory: '/PgBackup', timeoutSeconds: 43_200 },
);

test("container, incarnation and deadlines by the pod's clock", () => {
  assert.deepEqual(executor, {
    ...container,
    ...identity,
    postmasterStartTime: '2021-12-30T09:11:02Z',
    directory: '/PgBackup',
    timeoutSeconds: 43_200,
    deadline: '2022-01-02T18:00:00Z',
    notAfter: '2022-01-02T06:00:30Z',
  });
});

for (const [name, notAfter, after, want] of [
  ['within its time', executor.notAfter, 30, true],
  ['within the grace', executor.notAfter, 35, true],
  ['later', executor.notAfter, 36, false],
  ['when the time is none', 'soon', 0, false],
] as const) {
  test(`a cut start may ${want ? 'still' : 'no longer'} arrive ${name}`, () =>
    assert.equal(startMayStillArrive({ ...executor, notAfter }, podTime + after), want));
}
