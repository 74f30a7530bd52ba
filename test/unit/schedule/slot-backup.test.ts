/** Names of PgBackups of slots: valid for the API server, within its limits, and different for different slots. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseTime } from '../../../functions/domain/time.ts';
import { slotBackupName } from '../../../functions/schedule/slot-backup.ts';
import { subdomain } from '../../support/subdomain.ts';

/** As the CRD allows a PgManager to be called. */
const managerNames = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/);
/** From 2000 on; a year has four digits. */
const slots = fc.integer({ min: 946_684_800, max: 253_402_300_799 });

test('the name of a slot is that of an object, and gives manager and slot back', () => {
  fc.assert(
    fc.property(managerNames, slots, (manager, slot) => {
      const name = slotBackupName(manager, slot);
      assert.match(name, subdomain);
      assert.ok(name.length <= 240);
      const time = name.slice(`${manager}-backup-at-`.length);
      assert.equal(name, `${manager}-backup-at-${time}`);
      assert.equal(parseTime(time.toUpperCase().replace(/T(\d\d)-(\d\d)-/, 'T$1:$2:')), slot);
    }),
  );
});

test('two slots, or two managers, never share a name', () => {
  fc.assert(
    fc.property(managerNames, slots, managerNames, slots, (one, first, other, second) => {
      const same = one === other && first === second;
      assert.equal(slotBackupName(one, first) === slotBackupName(other, second), same);
    }),
  );
});
