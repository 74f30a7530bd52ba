import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSchedule } from '../../../../local/knative/sources/cron.ts';
import { onTicks } from '../../../../local/knative/sources/ticker.ts';

const ticks: readonly { name: string; schedule: string; after: string; want: string | undefined; zone?: string }[] = [
  { name: 'five fields', schedule: '0 6 * * *', after: '2022-01-01T05:59:59.999Z', want: '2022-01-01T06:00:00.000Z' },
  {
    name: 'strictly after now',
    schedule: '0 6 * * *',
    after: '2022-01-01T06:00:00Z',
    want: '2022-01-02T06:00:00.000Z',
  },
  {
    name: 'six: seconds first',
    schedule: '5 0 6 * * *',
    after: '2022-01-01T06:00:00Z',
    want: '2022-01-01T06:00:05.000Z',
  },
  { name: 'steps', schedule: '*/30 * * * * *', after: '2022-01-01T06:00:00.5Z', want: '2022-01-01T06:00:30.000Z' },
  { name: 'lists', schedule: '20 0,15 * * * *', after: '2022-01-01T06:01:00Z', want: '2022-01-01T06:15:20.000Z' },
  { name: 'names', schedule: '0 6 * JAN mon-fri', after: '2022-01-01T06:00:00Z', want: '2022-01-03T06:00:00.000Z' },
  {
    name: 'day of month or of week',
    schedule: '0 0 13 * 5',
    after: '2022-01-01T00:00:00Z',
    want: '2022-01-07T00:00:00.000Z',
  },
  { name: 'question mark', schedule: '0 0 ? * 1', after: '2022-01-01T00:00:00Z', want: '2022-01-03T00:00:00.000Z' },
  { name: 'descriptor', schedule: '@daily', after: '2022-01-01T00:00:00Z', want: '2022-01-02T00:00:00.000Z' },
  { name: 'leap day', schedule: '0 0 29 2 *', after: '2022-01-01T00:00:00Z', want: '2024-02-29T00:00:00.000Z' },
  { name: 'no such date', schedule: '0 0 30 2 *', after: '2022-01-01T00:00:00Z', want: undefined },
  {
    name: 'time zone',
    schedule: '0 6 * * *',
    after: '2022-07-01T00:00:00Z',
    want: '2022-07-01T04:00:00.000Z',
    zone: 'Europe/Berlin',
  },
];

for (const { name, schedule, after, want, zone } of ticks) {
  test(`the next tick: ${name}`, () => {
    const next = parseSchedule(schedule, zone).next(Date.parse(after));
    assert.equal(next === undefined ? undefined : new Date(next).toISOString(), want);
  });
}

const refused = [
  '@every 1h',
  '',
  '* * *',
  '* * * * * * *',
  '61 * * * *',
  '0 24 * * *',
  '0 0 L * *',
  '2030-01-01T00:00:00Z',
  '@reboot',
  'a b c d e',
];
for (const schedule of refused) {
  test(`refused: "${schedule}"`, () => assert.throws(() => parseSchedule(schedule)));
}

test('ticks come on the wall clock, each once, and none after the end', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: Date.parse('2022-01-01T05:58:00Z') });
  const fired: string[] = [];
  const stop = onTicks(parseSchedule('0 6 * * *'), () => fired.push(new Date().toISOString()));
  t.mock.timers.tick(119_999);
  assert.deepEqual(fired, []);
  t.mock.timers.tick(1);
  assert.deepEqual(fired, ['2022-01-01T06:00:00.000Z']);
  for (let minute = 0; minute < 24 * 60; minute += 1) t.mock.timers.tick(60_000);
  assert.deepEqual(fired.slice(1), ['2022-01-02T06:00:00.000Z']);
  stop();
  for (let minute = 0; minute < 24 * 60; minute += 1) t.mock.timers.tick(60_000);
  assert.equal(fired.length, 2);
});
