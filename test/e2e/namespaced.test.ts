/** The overlay for one namespace in the local environment; only its stand-ins show how a delivery was answered. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { openLocalCluster, type LocalCluster } from '../support/local-cluster.ts';
import { postEvent } from '../support/outside.ts';
import { namespaced } from './stories/namespaced.ts';

let cluster: LocalCluster;

namespaced(
  async (namespace) => (cluster = await openLocalCluster('namespaced', { namespace, manifests: [] })),
  () => {
    test('sweep and probe are handled for this namespace', async () => {
      for (const name of ['sweep', 'probe'] as const) {
        const from = cluster.observations.length;
        await cluster.tick(name);
        await eventually(`end of ${name}`, () =>
          cluster.observations
            .slice(from)
            .find((one) => one.kind === 'delivery' && one.event.extensions['pgpurpose'] === name && one.status === 204),
        );
      }
    });

    test('objects of another namespace are left alone', async () => {
      await cluster.apply(
        { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'elsewhere' } },
        {
          apiVersion: 'aidbox.pg/v01',
          kind: 'PgBackup',
          metadata: { name: 'unseen', namespace: 'elsewhere' },
          spec: { selector: { name: 'postgres' } },
        },
      );
      const { id } = await postEvent(cluster.environment, {
        type: 'pg.aidbox.look.v1',
        extensions: { pgpurpose: 'backup' },
        data: { namespace: 'elsewhere', name: 'unseen', purpose: 'backup', statefulSet: 'postgres' },
      });
      const answer = await eventually('answer', () =>
        cluster.observations.find((one) => one.kind === 'delivery' && one.event.id === id),
      );
      assert.equal(answer.kind === 'delivery' && answer.status, 204, 'done, not refused again and again');
      const status = await cluster.kubectl('get', 'pgb', '-n', 'elsewhere', 'unseen', '-o', 'jsonpath={.status}');
      assert.equal(status, '');
      assert.ok(!cluster.observations.some((one) => one.kind === 'event' && one.event.subject?.endsWith('/unseen')));
    });
  },
);
