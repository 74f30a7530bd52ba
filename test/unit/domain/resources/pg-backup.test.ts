/** What is read of a PgBackup. (That nothing is lost of what its CRD admits is in admitted.test.ts.) */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRunning } from '../../../../functions/domain/resources/backup-state.ts';
import { parseEach } from '../../../../functions/domain/resources/metadata.ts';
import { PgBackup } from '../../../../functions/domain/resources/pg-backup.ts';
import { aBackup, aManager } from '../../../support/situations/objects.ts';

test('a PgBackup whose executor is not understood is still there, with its state', () => {
  const object = aBackup()
    .status({ state: 'running', startTime: '2022-01-02T06:00:14Z', executor: { pod: 'postgres-0' } })
    .object();
  const [read] = parseEach(PgBackup, [object], (_item, why) => assert.fail(why));
  assert.equal(read?.status.state, 'running');
  assert.equal(read.status.executor, undefined);
  assert.equal(isRunning(read), false, 'looked for by its UID before anything is started');
});

test('H57: a PgBackup whose stored backup has no name is still there, with its state', () => {
  const object = aBackup()
    .status({ state: 'success', backup: { startLSN: '0/1' } })
    .object();
  assert.deepEqual(PgBackup.parse(object).status, { state: 'success', backup: undefined });
});

test('a PgBackup without status has an empty one', () => {
  assert.deepEqual(PgBackup.parse(aBackup().object()).status, {});
});

test('an unknown state, and another kind, are refused', () => {
  assert.equal(PgBackup.safeParse(aBackup().status({ state: 'later' }).object()).success, false);
  assert.equal(PgBackup.safeParse(aManager().object()).success, false);
});
