/** Names that are made of others: valid for the API server, within its limits, and different for different things. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { buildKubernetesEvent } from '../../../../functions/domain/commands/kubernetes-event.ts';
import { path } from '../../../../functions/domain/resources/api-paths.ts';
import { slotBackupName } from '../../../../functions/schedule/slot-backup.ts';
import { parseTime } from '../../../../functions/domain/time.ts';
import { dailySchedule, slotLead, timerName } from '../../../../functions/domain/events/timer.ts';

/** As the CRD allows a PgManager to be called. */
const managerNames = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/);
/** From 2000 on; a year has four digits. */
const slots = fc.integer({ min: 946_684_800, max: 253_402_300_799 });
const subdomain = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;

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

test('a timer has the name of an object, and fires when it should', () => {
  fc.assert(
    fc.property(fc.uuid(), fc.integer({ min: 0, max: 86_399 }), (uid, second) => {
      for (const purpose of ['slot', 'backup', 'rotation'] as const) {
        assert.match(timerName(purpose, uid), subdomain);
        assert.ok(timerName(purpose, uid).length <= 63);
      }
      const at = new Date(second * 1000).toISOString().slice(11, 19);
      const [s, m, h, ...days] = dailySchedule(at).split(' ');
      const ahead = (second - slotLead + 86_400) % 86_400;
      assert.deepEqual([Number(h) * 3600 + Number(m) * 60 + Number(s), days.join(' ')], [ahead, '* * *']);
    }),
  );
});

test('whatever a name holds, it stays one segment of a path', () => {
  // No object is called `.` or `..`, and no hint either.
  const segments = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => text !== '.' && text !== '..');
  fc.assert(
    fc.property(segments, segments, (namespace, name) => {
      const whole = path.backup(namespace, name);
      const url = new URL(whole, 'https://localhost');
      assert.equal(`${url.pathname}${url.search}${url.hash}`, whole);
      assert.equal(whole.split('/').length, path.backup('a', 'b').split('/').length);
      assert.deepEqual(whole.split('/').slice(-3).map(decodeURIComponent), [namespace, 'pgbackups', name]);
    }),
  );
});

for (const [got, want] of [
  [path.managers('shop'), '/apis/aidbox.pg/v01/namespaces/shop/pgmanagers'],
  [path.managers(''), '/apis/aidbox.pg/v01/pgmanagers'],
  [path.manager('shop', 'a'), '/apis/aidbox.pg/v01/namespaces/shop/pgmanagers/a'],
  [path.backups(''), '/apis/aidbox.pg/v01/pgbackups'],
  [path.backup('shop', 'a'), '/apis/aidbox.pg/v01/namespaces/shop/pgbackups/a'],
  [path.timer('shop', 'a'), '/apis/sources.knative.dev/v1/namespaces/shop/pingsources/a'],
  [path.statefulSets('shop'), '/apis/apps/v1/namespaces/shop/statefulsets'],
  [path.statefulSet('shop', 'a'), '/apis/apps/v1/namespaces/shop/statefulsets/a'],
  [path.pods('a/b'), '/api/v1/namespaces/a%2Fb/pods'],
  [path.events('a/b'), '/api/v1/namespaces/a%2Fb/events'],
] as const) {
  test(`path ${want}`, () => assert.equal(got, want));
}

test('an Event of Kubernetes has the name of an object, and one transition one name', () => {
  const transitions = fc.constantFrom('started', 'succeeded', 'failed', 'missed-1640995200', 'cursor-1640995200');
  const objects = fc.record({
    kind: fc.constantFrom('PgManager' as const, 'PgBackup' as const),
    namespace: fc.constant('shop'),
    name: fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,238}[a-z0-9])?$/),
    uid: fc.uuid(),
  });
  fc.assert(
    fc.property(objects, transitions, transitions, fc.integer({ min: 0, max: 4e9 }), (object, one, other, time) => {
      const build = (transition: string): string => {
        const event = buildKubernetesEvent({
          object,
          transition,
          type: 'Normal',
          reason: 'Tested',
          message: 'm'.repeat(5000),
          time,
          reporter: 'backup',
        }) as unknown as { metadata: { name: string }; message: string };
        assert.ok(Buffer.byteLength(event.message) <= 1024);
        return event.metadata.name;
      };
      assert.match(build(one), subdomain);
      assert.ok(build(one).length <= 253);
      assert.equal(build(one) === build(other), one === other);
    }),
  );
});
