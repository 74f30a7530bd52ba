/** Which stored backups are of the history that the database is on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isOnHistory, readHistory } from '../../../../functions/domain/catalogue/timeline-history.ts';

/** Three restores: from 1 at 0/5000000, from 2 at 1/0. */
const third = readHistory(3, [
  '1\t0/5000000\tno recovery target specified',
  '',
  '# a comment',
  '2\t1/00000000\tbefore 2021-12-29 12:00:00+00',
]);

function entry(timeline: string, finishLSN: string | undefined): Parameters<typeof isOnHistory>[1] {
  return { name: `base_${timeline}0000000000000005`, finishLSN };
}

const cases: readonly (readonly [name: string, given: Parameters<typeof isOnHistory>[1], want: boolean])[] = [
  ['H132 the present timeline', entry('00000003', '1'), true],
  ['the present timeline, whatever its end', entry('00000003', undefined), true],
  ['H132 an ancestor, ended before the fork', entry('00000001', String(0x4ffffff)), true],
  ['H132 an ancestor, ended at the fork', entry('00000001', String(0x5000000)), true],
  ['H132 an ancestor, ended behind the fork', entry('00000001', String(0x5000001)), false],
  ['an ancestor, with an end beyond 32 bits', entry('00000002', String(2n ** 32n)), true],
  ['an ancestor, one byte too far', entry('00000002', String(2n ** 32n + 1n)), false],
  ['an ancestor without an end', entry('00000001', undefined), false],
  ['H132 a timeline of nobody here', entry('00000004', '1'), false],
  ['a timeline is a hexadecimal number', entry('0000000A', '1'), false],
];

for (const [name, given, want] of cases) {
  test(name, () => assert.equal(isOnHistory(third, given), want));
}

test('H132 without its history only the present timeline is known', () => {
  const history = readHistory(10, []);
  assert.equal(isOnHistory(history, entry('0000000A', '1')), true);
  assert.equal(isOnHistory(history, entry('00000009', '1')), false);
});

test('whatever stands in the file: the present timeline is open, and no later one is of this history', () => {
  const line = fc.oneof(fc.string(), fc.stringMatching(/^\d{1,3}\t[0-9A-F]{1,8}\/[0-9A-F]{1,8}\t\w*$/));
  fc.assert(
    fc.property(fc.array(line), fc.integer({ min: 1, max: 20 }), (lines, present) => {
      const history = readHistory(present, lines);
      assert.equal(history.get(present), 'open');
      assert.ok([...history.keys()].every((timeline) => timeline <= present));
    }),
  );
});
