/** The overlay for one namespace: the main job with Roles there and nowhere else. Needs a cluster without an installation. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../../support/eventually.ts';
import { timeOfDay } from '../../support/objects.ts';
import { startDatabase, type Database } from './database.ts';
import { follow, setImage } from './install.ts';
import { functionNames } from './replicas.ts';
import { kubectl, openNamespace, target, type Shop } from './target.ts';

describe('the overlay for one namespace', () => {
  let shop: Shop;
  let database: Database;

  before(async () => {
    shop = await openNamespace('databases');
    setImage(target.projectImage);
    await kubectl('apply', '-k', 'crds');
    await follow('install-namespaced');
    const kinds = 'ksvc,brokers,triggers,apiserversources,pingsources,sinkbindings';
    await kubectl('wait', '-n', 'aidboxops', kinds, '--all', '--for=condition=Ready', '--timeout=180s');
    database = await startDatabase(shop);
  });
  after(() => shop.close());

  test('rights are given there and nowhere else', async () => {
    assert.doesNotMatch(await kubectl('get', 'clusterrolebindings', '-o', 'name'), /aidboxops-/);
    for (const name of functionNames) {
      assert.equal(await mayList(name, 'databases'), 'yes', name);
      assert.equal(await mayList(name, 'default'), 'no', name);
    }
  });

  test('a slot, its rotation and the look at storage', async () => {
    await shop.manager({ at: timeOfDay(45), keep: 1 });
    const name = await eventually('PgBackup of the slot', async () => (await shop.pgbs())[0]?.metadata.name, 90);
    const backup = await shop.finished(name, 120);
    assert.equal(backup.status.state, 'success', backup.status.message);
    assert.deepEqual(await database.stored(), [backup.status.backup?.name]);
    await eventually('rotation and storage', async () => {
      const { rotation, storage } = (await shop.pgm()).status.conditions;
      return rotation?.status === 'ok' && storage?.status === 'ok' ? true : undefined;
    });
  });
});

/** "no" is also an exit code. */
function mayList(serviceAccount: string, namespace: string): Promise<string> {
  const as = `--as=system:serviceaccount:aidboxops:${serviceAccount}`;
  return kubectl('auth', 'can-i', 'list', 'pgmanagers.aidbox.pg', '-n', namespace, as).then(
    (answer) => answer.trim(),
    (error: Error & { stdout?: string }) => error.stdout?.trim() ?? error.message,
  );
}
