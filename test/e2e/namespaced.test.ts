/** The overlay for one namespace: the main job with Roles there and nowhere else. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { follow, postEvent, timers } from '../support/outside.ts';
import { eventually } from '../support/eventually.ts';
import { openShop, timeOfDay, type Shop } from '../support/shop.ts';

let shop: Shop;

before(async () => {
  // The namespace comes before the overlay, which puts its Roles there.
  shop = await openShop('namespaced', { namespace: 'databases', manifests: ['crds'] });
  await follow(shop, 'install-namespaced');
  const kinds = 'services.serving.knative.dev,brokers.eventing.knative.dev,triggers.eventing.knative.dev';
  await shop.kubectl('wait', '-n', 'aidboxops', kinds, '--all', '--for=condition=Ready', '--timeout=60s');
  const source = 'apiserversource.sources.knative.dev/aidboxops';
  await shop.kubectl('wait', '-n', 'aidboxops', source, '--for=condition=Ready', '--timeout=60s');
  await shop.database();
});

after(() => (shop as Shop | undefined)?.close());

test('rights are given in the one namespace only', async () => {
  const all = await shop.kubectl('get', 'clusterrolebindings', '-o', 'name');
  assert.doesNotMatch(all, /aidboxops-/);
  const functions = ['schedule', 'backup', 'rotation', 'storage'];
  for (const name of [...functions, 'apiserver-source']) {
    assert.equal(await mayList(name, 'databases'), 'yes', name);
    assert.equal(await mayList(name, 'default'), 'no', name);
  }
});

test('a slot, its rotation and the look at storage', async () => {
  await shop.manager({ at: timeOfDay(8), keep: 1 });
  const name = await eventually('PgBackup of the slot', async () => (await shop.pgbs())[0]?.metadata.name);
  assert.match(name, /^pg-manager-backup-at-/);
  const backup = await shop.finished(name);
  assert.equal(backup.status.state, 'success', backup.status.message);
  assert.deepEqual(await shop.stored(shop.running()), [backup.status.backup?.name]);
  await eventually('rotation and storage', async () => {
    const { rotation, storage } = (await shop.pgm()).status.conditions;
    return rotation?.status === 'ok' && storage?.status === 'ok' ? true : undefined;
  });
});

test("a person's backup, and the rotation that follows", async () => {
  await shop.backup('by-hand');
  const backup = await shop.finished('by-hand');
  assert.equal(backup.status.state, 'success', backup.status.message);
  await eventually('rotation', async () => ((await shop.pgbs()).length === 1 ? true : undefined));
  assert.deepEqual(await shop.stored(shop.running()), [backup.status.backup?.name]);
});

test('sweep and probe walk over this namespace', async () => {
  for (const name of ['sweep', 'probe']) {
    const from = shop.observations.length;
    await shop.tick(name);
    await eventually(`end of ${name}`, () =>
      shop.observations
        .slice(from)
        .find((one) => one.kind === 'delivery' && one.event.extensions['pgpurpose'] === name && one.status === 204),
    );
  }
});

test('objects of another namespace are not looked at', async () => {
  await shop.apply(
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'elsewhere' } },
    {
      apiVersion: 'aidbox.pg/v01',
      kind: 'PgBackup',
      metadata: { name: 'unseen', namespace: 'elsewhere' },
      spec: { selector: { name: 'postgres' } },
    },
  );
  const { id } = await postEvent(shop, {
    type: 'pg.aidbox.look.v1',
    extensions: { pgpurpose: 'backup' },
    data: { namespace: 'elsewhere', name: 'unseen', purpose: 'backup', statefulSet: 'postgres' },
  });
  const answer = await eventually('answer', () =>
    shop.observations.find((one) => one.kind === 'delivery' && one.event.id === id),
  );
  assert.equal(answer.kind === 'delivery' && answer.status, 204, 'done, not refused again and again');
  const status = await shop.kubectl('get', 'pgb', '-n', 'elsewhere', 'unseen', '-o', 'jsonpath={.status}');
  assert.equal(status, '');
  assert.ok(!shop.observations.some((one) => one.kind === 'event' && one.event.subject?.endsWith('/unseen')));
});

test('in the end only the timer of the slot is left', async () => {
  await eventually('timers', async () => {
    const left = await timers(shop);
    return left.length === 1 && left[0]?.name.startsWith('aidboxops-slot-') ? true : undefined;
  });
});

test('uninstalled, nothing of ours is left, and what is yours stays', async () => {
  await follow(shop, 'uninstall-namespaced');
  const kinds = 'roles,rolebindings,pingsources.sources.knative.dev';
  const left = async (): Promise<string> =>
    `${await shop.kubectl('get', kinds, '-n', 'databases', '-o', 'name')}${await shop.kubectl('get', 'clusterroles,clusterrolebindings', '-o', 'name')}`;
  assert.doesNotMatch(await left(), /aidboxops/);
  assert.equal((await shop.pgbs()).length, 1);
  assert.equal((await shop.stored(shop.running())).length, 1);
  assert.equal((await shop.pgm()).metadata.name, 'pg-manager');
});

/** Whether this ServiceAccount may list PgManagers there. */
async function mayList(serviceAccount: string, namespace: string): Promise<string> {
  const as = `--as=system:serviceaccount:aidboxops:${serviceAccount}`;
  const ask = ['auth', 'can-i', 'list', 'pgmanagers.aidbox.pg', '-n', namespace, as];
  // "no" is also an exit code.
  return shop.kubectl(...ask).then(
    (answer) => answer.trim(),
    (error: Error & { stdout?: string }) => error.stdout?.trim() ?? error.message,
  );
}
