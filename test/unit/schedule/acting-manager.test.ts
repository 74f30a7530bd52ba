/** Whose slots run when several PgManagers select one StatefulSet. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { actingManager, isInConflict } from '../../../functions/domain/resources/manager-state.ts';
import { decide } from '../../../functions/schedule/decide.ts';
import { aManager, slot, type ManagerBuilder } from '../../support/situations/objects.ts';

const schedule = { at: '06:00:00', suspended: false, since: '2022-01-01T06:00:00Z', nextSlot: '2022-01-02T06:00:00Z' };
const older = aManager('older')
  .created(slot - 172_800)
  .schedule(schedule);
const younger = aManager('younger').schedule(schedule);

function created(subject: ManagerBuilder, managers: readonly ManagerBuilder[]): string[] {
  const sameSelector = managers.map((builder) => builder.build());
  const { commands } = decide({
    now: slot,
    manager: subject.build(),
    ticked: true,
    sameSelector,
    ownBackups: new Set(),
  });
  return commands.flatMap((command) => (command.type === 'createBackup' ? [command.backup.metadata.name] : []));
}

test('H99 the older PgManager is suspended: the slots of the younger one run', () => {
  const suspended = older.suspended();
  assert.deepEqual(created(younger, [suspended, younger]), ['younger-backup-at-2022-01-02t06-00-00z']);
  assert.deepEqual(created(suspended, [suspended, younger]), []);
});

test('H99 both act: only the slots of the older one run', () => {
  assert.deepEqual(created(older, [older, younger]), ['older-backup-at-2022-01-02t06-00-00z']);
  assert.deepEqual(created(younger, [older, younger]), []);
});

test('H99 the acting one is live, and never in conflict; a suspended one is in none either', () => {
  const gone = older.deleting(slot).build();
  assert.equal(actingManager([gone, younger.build()])?.metadata.name, 'younger');
  assert.equal(actingManager([older.suspended().build(), younger.suspended().build()])?.metadata.name, 'older');
  assert.equal(actingManager([]), undefined);
  const both = [older.build(), younger.build()];
  assert.deepEqual(
    both.map((manager) => isInConflict(manager, both)),
    [false, true],
  );
  const one = older.suspended().build();
  assert.equal(isInConflict(one, [one, younger.build()]), false);
  assert.equal(isInConflict(older.build(), []), false);
});
