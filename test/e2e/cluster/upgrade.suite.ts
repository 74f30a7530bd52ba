/** An upgrade of all four functions while a backup runs. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { eventually } from '../../support/eventually.ts';
import { upgradeTag } from '../../../tools/cluster/layout.ts';
import { follow, setImage } from './install.ts';
import { assertSucceeds, untilRunning } from '../stories/backups.ts';
import { openInCluster } from './open.ts';
import { kubectl, target } from './target.ts';

describe('upgrade', () => {
  test('the run ends with success, once, and timers are there after one sweep', async (context) => {
    const cluster = await openInCluster('upgrade');
    context.after(() => cluster.close());
    const database = await cluster.database({ env: { WALG_DISK_RATE_LIMIT: String(1024 * 1024) } });
    await cluster.manager();
    await cluster.backup('across');
    const { metadata } = await untilRunning(cluster, 'across');
    const [name = ''] = target.projectImage.split(/:(?=[^/]*$)/);
    setImage(process.env['E2E_UPGRADE_IMAGE'] ?? `${name}:${upgradeTag}`);
    await follow('install');
    const backup = await assertSucceeds(cluster, 'across', 180);
    assert.deepEqual(await database.stored(), [backup.status.backup?.name]);
    assert.deepEqual(await cluster.events(metadata.uid), ['Normal BackupStarted', 'Normal BackupSucceeded']);

    const slotTimer = `pingsource/aidboxops-slot-${(await cluster.pgm()).metadata.uid}`;
    await kubectl('delete', '-n', 'upgrade', slotTimer);
    await cluster.tick('sweep');
    await eventually('slot timer', () => kubectl('get', '-n', 'upgrade', slotTimer));
  });
});
