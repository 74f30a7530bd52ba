/** Six cases of the fault matrix, one for each kind of event that may get lost or come again, and a function that is killed. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { cases, titleOf } from './cases.ts';
import { runCase } from './run-case.ts';
import { openSharedFixture } from './shared-fixture.ts';

const chosen = [
  'backup: function killed, in mid-backup',
  "schedule: events lost, before the slot's timer",
  'backup: events lost, throughout',
  'rotation: events lost, throughout',
  'schedule: events ×10, reordered, throughout',
  'storage: events ×10, reordered, throughout',
];

let shared: Awaited<ReturnType<typeof openSharedFixture>>;

before(async () => {
  shared = await openSharedFixture(join(import.meta.dirname, '../..', '.local', 'test', 'matrix'));
});

after(() => (shared as typeof shared | undefined)?.close());

for (const [index, title] of chosen.entries()) {
  test(title, async () => {
    const one = cases.find((each) => titleOf(each) === title);
    assert.ok(one !== undefined, 'the matrix has this case');
    const { breaks } = await runCase(shared, one, { namespace: `case-${index}`, seed: 1 });
    assert.deepEqual(breaks, []);
  });
}
