/** The overlay for one namespace: the main job with Roles there and nowhere else. Needs a cluster without an installation. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { functionNames } from '../../../tools/build.ts';
import type { TestDatabase } from '../../support/database.ts';
import { mayDo, timeOfDay } from '../../support/objects.ts';
import { timers } from '../../support/outside.ts';
import type { OpenCluster, TestCluster } from '../../support/test-cluster.ts';
import { assertSucceeds, takeBackup, untilAllIsWell } from './backups.ts';

const definitions = join(import.meta.dirname, '../../../crds');

/** Registers the story; `more` registers tests that run before the end. */
export function namespaced(open: OpenCluster, more: () => void = () => undefined): void {
  describe('the overlay for one namespace', () => {
    let cluster: TestCluster;
    let database: TestDatabase;

    before(async () => {
      // The namespace comes before the overlay, which puts its Roles there.
      cluster = await open('databases');
      await cluster.kubectl('apply', '--server-side', '-k', definitions);
      await cluster.follow('install-namespaced');
      const kinds =
        'services.serving.knative.dev,brokers.eventing.knative.dev,triggers.eventing.knative.dev,apiserversources,pingsources,sinkbindings';
      await cluster.kubectl('wait', '-n', 'aidboxops', kinds, '--all', '--for=condition=Ready', '--timeout=180s');
      database = await cluster.database();
    });
    after(() => (cluster as TestCluster | undefined)?.close());

    test('rights are given there and nowhere else', async () => {
      assert.doesNotMatch(await cluster.kubectl('get', 'clusterrolebindings', '-o', 'name'), /aidboxops-/);
      for (const name of [...functionNames(), 'apiserver-source']) {
        const user = `system:serviceaccount:aidboxops:${name}`;
        assert.equal(await mayDo(cluster, user, 'list', 'pgmanagers.aidbox.pg', '-n', 'databases'), 'yes', name);
        assert.equal(await mayDo(cluster, user, 'list', 'pgmanagers.aidbox.pg', '-n', 'default'), 'no', name);
      }
    });

    test('a slot, its rotation and the probe of storage', async () => {
      await cluster.manager({ at: timeOfDay(cluster.slotIn), keep: 1 });
      const first = async (): Promise<string | undefined> => (await cluster.pgbs())[0]?.metadata.name;
      const name = await cluster.eventually('PgBackup of the slot', first);
      assert.match(name, /^pg-manager-backup-at-/);
      const { status } = await assertSucceeds(cluster, name);
      assert.deepEqual(await database.stored(), [status.backup?.name]);
      await untilAllIsWell(cluster);
    });

    test("a person's backup, and the rotation that follows", async () => {
      const { status } = await takeBackup(cluster, 'by-hand');
      await cluster.eventually('rotation', async () => (await cluster.pgbs()).length === 1);
      assert.deepEqual(await database.stored(), [status.backup?.name]);
    });

    more();

    test('in the end only the timer of the slot is left', async () => {
      await cluster.eventually('timers', async () => {
        const left = await timers(cluster);
        return left.length === 1 && left[0]?.name.startsWith('aidboxops-slot-');
      });
    });

    test('a timer that is lost comes back with the sweep', async () => {
      const [{ name } = { name: '' }] = await timers(cluster);
      await cluster.kubectl('delete', 'pingsource', '-n', cluster.namespace, name);
      await cluster.tick('sweep');
      const names = async (): Promise<string[]> => (await timers(cluster)).map((timer) => timer.name);
      await cluster.eventually('the timer', async () => (await names()).includes(name));
    });

    test('uninstalled, nothing of ours is left, and what is yours stays', async () => {
      await cluster.follow('uninstall-namespaced');
      const kinds = 'roles,rolebindings,pingsources.sources.knative.dev';
      const inNamespace = await cluster.kubectl('get', kinds, '-n', cluster.namespace, '-o', 'name');
      const everywhere = await cluster.kubectl('get', 'clusterroles,clusterrolebindings', '-o', 'name');
      assert.doesNotMatch(`${inNamespace}${everywhere}`, /aidboxops/);
      assert.equal((await cluster.pgbs()).length, 1);
      assert.equal((await database.stored()).length, 1);
      assert.equal((await cluster.pgm()).metadata.name, 'pg-manager');
    });
  });
}
