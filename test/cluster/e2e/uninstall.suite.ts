/** Uninstalls with the README's commands: what is ours goes, what is yours stays. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { eventually } from '../../support/eventually.ts';
import { startDatabase } from './database.ts';
import { follow } from './install.ts';
import { kubectl, openNamespace } from './target.ts';

describe('uninstall', () => {
  test('functions, access and timers go; PgManagers, PgBackups, databases and stored backups stay', async (context) => {
    const shop = await openNamespace('uninstall');
    context.after(() => shop.close());
    const database = await startDatabase(shop);
    await shop.manager();
    await shop.backup('kept');
    assert.equal((await shop.finished('kept', 120)).status.state, 'success');
    const stored = await database.stored();
    await follow('uninstall');

    assert.equal(await kubectl('get', 'namespace', 'aidboxops', '--ignore-not-found', '-o', 'name'), '');
    const ours = ['-A', '-l', 'app.kubernetes.io/part-of=aidboxops', '-o', 'name'];
    assert.equal(await kubectl('get', 'clusterroles,clusterrolebindings,ksvc,triggers,brokers', ...ours), '');
    await eventually('the end of all timers', async () =>
      (await kubectl('get', 'pingsources.sources.knative.dev', '-A', '-o', 'name')) === '' ? true : undefined,
    );
    assert.equal((await shop.pgm()).metadata.name, 'pg-manager');
    assert.equal((await shop.pgb('kept'))?.status.state, 'success');
    assert.deepEqual(await database.stored(), stored);
  });
});
