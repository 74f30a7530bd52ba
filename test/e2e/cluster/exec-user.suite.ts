/** An image whose user is not root. Only here do containers have images with users of their own. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assertFailed, takeBackup } from '../stories/backups.ts';
import { openInCluster } from './open.ts';
import { target } from './target.ts';

/** Registers these tests. */
export function execUser(): void {
  describe('exec user', () => {
    test('one that is not root has its own directory only: the message says so; with it, it works', async (context) => {
      const cluster = await openInCluster('exec-user');
      context.after(() => cluster.close());
      const announced = await cluster.subscribe();
      const database = await cluster.database({ name: 'nonroot', image: target.postgresNonRootImage });
      await cluster.manager({ name: 'nonroot', statefulSet: 'nonroot', backup: { directory: '/root/PgBackup' } });
      await cluster.backup('no-directory', 'nonroot');
      const message = /^NoPodAccess: uid 999 cannot create \/root\/PgBackup in nonroot-0\. Mount a volume there /;
      await assertFailed(cluster, 'no-directory', { reason: 'NoPodAccess', message, announced });
      await cluster.kubectl('delete', 'pgm', '-n', cluster.namespace, 'nonroot');
      const { status } = await takeBackup(cluster, 'own-directory', 'nonroot');
      assert.deepEqual(await database.stored(), [status.backup?.name]);
    });
  });
}
