/** What is read of a PgManager. (That nothing is lost of what its CRD admits is in admitted.test.ts.) */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PgManager } from '../../../../functions/domain/resources/pg-manager.ts';
import { aBackup, aManager } from '../../../support/situations/objects.ts';

test('what may be left out of a PgManager has its default', () => {
  const bare = aManager().object();
  const read = PgManager.parse(bare);
  assert.deepEqual(read.spec, {
    selector: { name: 'postgres' },
    backup: {
      numberToRetain: 30,
      at: '06:00:00',
      suspend: false,
      startingDeadlineSeconds: 21_600,
      timeoutSeconds: 43_200,
      directory: '/PgBackup',
    },
    rotation: { mode: 'Enforce', adopt: false, adoptFrom: [] },
  });
  assert.deepEqual(read.status, { conditions: {} });
  assert.deepEqual(PgManager.parse({ ...bare, status: {} }), read);
  assert.deepEqual(aManager().rotating({}).build(), read);
});

for (const [name, condition] of [
  ['backup', { status: 'later' }],
  ['backup', { log: [{ finishTime: '2022-01-02T06:05:00Z', name: 'a', state: 'later' }] }],
  ['rotation', { status: 'later' }],
  ['rotation', { outbox: [{ id: 'u-1', outcome: 'later', message: 'm' }] }],
  ['storage', { status: 'later' }],
  ['storage', { state: 'later' }],
] as const) {
  test(`a ${name} condition with an unknown word counts as absent: ${JSON.stringify(condition)}`, () => {
    const { conditions } = aManager().condition('storage', {}).condition(name, condition).build().status;
    assert.equal(conditions[name], undefined);
  });
}

test('an outcome without its list of deleted backups deleted none', () => {
  const outcome = { id: 'u-1', outcome: 'refused', message: 'm' };
  const { rotation } = aManager()
    .condition('rotation', { outbox: [outcome] })
    .build().status.conditions;
  assert.deepEqual(rotation?.outbox, [{ ...outcome, deleted: [] }]);
});

test('an older schedule without its list of missed slots', () => {
  const schedule = { since: '2022-01-01T06:00:00Z', at: '06:00:00', suspended: false, missed: { count: 1 } };
  assert.deepEqual(aManager().schedule(schedule).build().status.schedule?.missed, { count: 1, last: [] });
  const { at } = schedule;
  assert.equal(aManager().schedule({ at }).build().status.schedule, undefined);
});

test('at least one backup is kept, and another kind is refused', () => {
  assert.equal(PgManager.safeParse(aManager().keeping(0).object()).success, false);
  assert.equal(PgManager.safeParse(aBackup().object()).success, false);
});
