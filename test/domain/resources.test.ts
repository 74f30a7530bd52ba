/** What is read of objects that another version has written. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRunning } from '../../functions/domain/backups.ts';
import { parseEach, PgBackup } from '../../functions/domain/resources.ts';
import { aBackup } from '../support/builders.ts';

test('a PgBackup whose executor is not understood is still there, with its state', () => {
  const object = aBackup()
    .status({ state: 'running', startTime: '2022-01-02T06:00:14Z', executor: { pod: 'postgres-0' } })
    .object();
  const [read] = parseEach(PgBackup, [object], (_item, why) => assert.fail(why));
  assert.equal(read?.status.state, 'running');
  assert.equal(read.status.executor, undefined);
  assert.equal(isRunning(read), false, 'looked for by its UID before anything is started');
});
