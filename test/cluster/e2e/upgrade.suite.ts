/** An upgrade of all four functions while a backup runs. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { eventually } from '../../support/eventually.ts';
import { upgradeTag } from '../../../tools/cluster/layout.ts';
import { startDatabase } from './database.ts';
import { tick } from './events.ts';
import { follow, setImage } from './install.ts';
import { kubectl, openNamespace, target } from './target.ts';

describe('upgrade', () => {
  test('the run ends with success, once, and timers are there after one sweep', async (context) => {
    const shop = await openNamespace('upgrade');
    context.after(() => shop.close());
    const database = await startDatabase(shop, { env: { WALG_DISK_RATE_LIMIT: String(1024 * 1024) } });
    await shop.manager();
    await shop.backup('across');
    const { metadata } = await eventually('start', async () => {
      const backup = await shop.pgb('across');
      return backup?.status.state === 'running' && backup.status.startTime !== undefined ? backup : undefined;
    });
    const [name = ''] = target.projectImage.split(/:(?=[^/]*$)/);
    setImage(process.env['E2E_UPGRADE_IMAGE'] ?? `${name}:${upgradeTag}`);
    await follow('install');
    const backup = await shop.finished('across', 180);
    assert.equal(backup.status.state, 'success', backup.status.message);
    assert.deepEqual(await database.stored(), [backup.status.backup?.name]);
    assert.deepEqual(await shop.events(metadata.uid), ['Normal BackupStarted', 'Normal BackupSucceeded']);

    const slotTimer = `pingsource/aidboxops-slot-${(await shop.pgm()).metadata.uid}`;
    await kubectl('delete', '-n', 'upgrade', slotTimer);
    await tick('sweep');
    await eventually('slot timer', () => kubectl('get', '-n', 'upgrade', slotTimer));
  });
});
