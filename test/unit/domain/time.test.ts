/** Unix seconds and their texts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { clockTime, parseTime, rfc3339, span } from '../../../functions/domain/time.ts';

test('a time as Kubernetes writes it', () => {
  assert.equal(rfc3339(1_641_103_200), '2022-01-02T06:00:00Z');
  assert.equal(rfc3339(1_641_103_200.9), '2022-01-02T06:00:00Z', 'whole seconds, rounded down');
  assert.equal(clockTime(1_641_103_802), '06:10:02Z');
  assert.equal(rfc3339(Number.NaN), '', 'no time is no text');
});

for (const [text, want] of [
  ['2022-01-02T06:00:00Z', 1_641_103_200],
  ['2022-01-02T06:00:00.999999Z', 1_641_103_200],
  ['2022-01-02T08:00:00+02:00', 1_641_103_200],
  ['2024-02-29T00:00:00Z', 1_709_164_800],
  ['2023-02-29T00:00:00Z', undefined],
  ['yesterday', undefined],
  ['', undefined],
  [undefined, undefined],
] as const) {
  test(`${text} is ${want === undefined ? 'no time' : want}`, () => assert.equal(parseTime(text), want));
}

test('text and seconds say the same', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4_102_444_800 }), (time) => {
      assert.equal(parseTime(rfc3339(time)), time);
      assert.equal(rfc3339(time), new Date(time * 1000).toISOString().replace('.000', ''));
    }),
  );
});

for (const [seconds, want] of [
  [-5, '0s'],
  [0, '0s'],
  [9.9, '9s'],
  [60, '1m00s'],
  [362, '6m02s'],
  [3600, '1h'],
  [43_200, '12h'],
  [43_500, '12h05m'],
  [90_061, '25h01m'],
] as const) {
  test(`${seconds} s are shown as ${want}`, () => assert.equal(span(seconds), want));
}
