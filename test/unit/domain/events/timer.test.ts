/** What timers are called, and when they fire. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  dailySchedule,
  halfMinuteSchedule,
  slotLead,
  tickType,
  timerName,
} from '../../../../functions/domain/events/timer.ts';
import { subdomain } from '../../../support/subdomain.ts';

test('a half-minute timer fires every 30 s, for the first time 15 to 30 s after what made it', () => {
  fc.assert(
    fc.property(fc.uuid(), fc.nat(4_000_000_000), (uid, since) => {
      const schedule = halfMinuteSchedule(uid, since);
      const [, first, second] = /^(\d+),(\d+) \* \* \* \* \*$/.exec(schedule) ?? [];
      assert.equal(Number(second) - Number(first), 30);
      const wait = (((Number(first) - since) % 30) + 30) % 30 || 30;
      assert.ok(wait >= 15 && wait <= 30, `${schedule} after ${since % 60}`);
    }),
  );
});

test('ticks are known by the type that a PingSource gives its events', () => {
  assert.equal(tickType, 'dev.knative.sources.ping');
});

test('many owners do not fire together', () => {
  const schedules = Array.from({ length: 100 }, (_, at) => halfMinuteSchedule(`uid-${at}`, 0));
  assert.ok(new Set(schedules).size > 10);
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
