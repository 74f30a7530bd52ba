/** What a stored backup says of its maker. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide } from '../../../functions/backup/decide.ts';
import type { Observation } from '../../../functions/backup/observation.ts';
import { backup, observe, saw } from '../../support/situations/backup.ts';

function started(namespaceIdentity: Observation['namespaceIdentity']): { userData: unknown; message: string } {
  const { commands } = decide(observe({ open: [backup()], podInspection: saw(), namespaceIdentity }));
  const start = commands.find((command) => command.type === 'start');
  const written = commands.find((command) => command.type === 'applyStatus');
  assert.ok(start?.request.kind === 'backup' && written?.kind === 'PgBackup');
  return { userData: JSON.parse(start.request.userData), message: written.status.message ?? '' };
}

test('H66 the user data name the run, the database, and the cluster by the UID of its Namespace', () => {
  const { userData, message } = started({ known: true, uid: 'uid-namespace-shop' });
  const maker = { uid: 'uid-daily', name: 'daily', namespace: 'shop', statefulSet: 'postgres' };
  assert.deepEqual(userData, { aidboxops: { ...maker, cluster: 'uid-namespace-shop' } });
  assert.equal(message, 'starting wal-g in postgres-0');
});

test('H66 the Namespace cannot be read: the backup is made all the same, and says what it lacks', () => {
  const why = 'ServiceAccount aidboxops/backup may not "get" Namespace shop.';
  const { userData, message } = started({ known: false, why });
  const maker = { uid: 'uid-daily', name: 'daily', namespace: 'shop', statefulSet: 'postgres' };
  assert.deepEqual(userData, { aidboxops: maker });
  assert.equal(message, `starting wal-g in postgres-0; the stored backup will not say of which cluster it is: ${why}`);
});
