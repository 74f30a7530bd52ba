/** What is read of PgManagers and PgBackups: all of one StatefulSet, and nothing of others. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listHistory, listManagers } from '../../../../functions/platform/kubernetes/read.ts';
import { aBackup, aManager, slot } from '../../../support/situations/objects.ts';
import { createFakeEffects } from '../../../support/effects.ts';
import { createFakeKube } from '../../../support/fake-kube.ts';

test('of the PgManagers those of the StatefulSet in its namespace are read', async () => {
  const kube = createFakeKube(
    slot,
    aManager('one').object(),
    aManager('two').object(),
    aManager('other').of('elsewhere').object(),
    aManager('one').in('crm').uid('uid-crm').object(),
  );
  const managers = await listManagers(createFakeEffects(kube), { namespace: 'shop', statefulSet: 'postgres' });
  assert.deepEqual(
    managers.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`),
    ['shop/one', 'shop/two'],
  );
});

test('of the history all is read, and of each message only the first line', async () => {
  const message = `Job finished in 4 seconds.\n${'  INFO: part\n'.repeat(2000)}`;
  const many = Array.from({ length: 250 }, (_, at) => aBackup(`b-${at}`).succeeded(slot).status({ message }).object());
  const kube = createFakeKube(slot, ...many, aBackup('new').object(), aBackup('other').of('elsewhere').object());
  const subject = { namespace: 'shop', statefulSet: 'postgres' };
  const history = await listHistory(createFakeEffects(kube), subject);
  assert.equal(history.length, 251);
  assert.deepEqual([...new Set(history.map(({ status }) => status.message))].toSorted(), [
    'Job finished in 4 seconds.',
    undefined,
  ]);
});
