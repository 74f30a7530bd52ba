/** Which of several managers of one StatefulSet counts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { byAge, actingManager } from '../../../../functions/domain/resources/manager-state.ts';
import { aManager, slot } from '../../../support/situations/objects.ts';

const first = aManager('first').uid('b').created(slot).build();
const twin = aManager('twin').uid('a').created(slot).build();
const later = aManager('later')
  .uid('0')
  .created(slot + 1)
  .build();
const leaving = aManager('leaving')
  .uid('1')
  .created(slot - 1)
  .deleting(slot)
  .build();

for (const [name, left, right, want] of [
  ['the older one comes first, whatever the uids', first, later, -1],
  ['and the younger one last', later, first, 1],
  ['the uid decides within one second', twin, first, -1],
  ['in both directions', first, twin, 1],
  ['one and the same', first, first, 0],
] as const) {
  test(name, () => assert.equal(byAge(left, right), want));
}

for (const [name, managers, want] of [
  ['nobody', [], undefined],
  ['one that is being deleted', [leaving], undefined],
  ['several', [later, leaving, first, twin], twin],
] as const) {
  test(`the oldest of: ${name}`, () => assert.equal(actingManager(managers), want));
}
