/** The clock of the pod jumps in mid-run: what decides is how long the run has been there. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide } from '../../../functions/backup/decide.ts';
import { overdueOf } from '../../../functions/domain/run/launch.ts';
import { executor, observe, report, saw, started } from '../../support/situations/backup.ts';
import { slot } from '../../support/situations/objects.ts';

const hour = 3600;
const timeout = 12 * hour;

const rows: readonly (readonly [string, number | undefined, number, string])[] = [
  ['H85 the clock is 14 h ahead, the run is 10 min old', 600, 14 * hour, 'running'],
  ['H85 the clock is 14 h ahead, and so old is the run', 14 * hour, 14 * hour, 'error'],
  ['H85 the clock is 14 h behind, the run is past its deadline by two minutes', timeout + 121, -2 * hour, 'stop'],
  ['the run is past its deadline by two minutes less one', timeout + 120, timeout + 120, 'running'],
  ['a run of an earlier version, 14 h by the clock', undefined, 14 * hour, 'error'],
  ['a run of an earlier version, 10 min by the clock', undefined, 600, 'running'],
];

for (const [situation, age, passed, want] of rows) {
  test(`${situation}: ${want}`, () => {
    const run = report({ startedAt: slot + 2, ...(age === undefined ? {} : { age }) });
    const { commands } = decide(observe({ open: [started()], podInspection: saw({ podTime: slot + passed, run }) }));
    const ended = commands.some(
      (command) => command.type === 'applyStatus' && 'state' in command.status && command.status.state === 'error',
    );
    const stopped = commands.some(({ type }) => type === 'stop');
    assert.equal(ended ? 'error' : stopped ? 'stop' : 'running', want);
  });
}

test('H85 overdue is what the uptime says; without it the clock and the pinned deadline', () => {
  const pinned = executor();
  assert.equal(overdueOf(pinned, { age: 1 }, slot + 99 * hour), 1 - (pinned.timeoutSeconds ?? 0));
  const deadline = Date.parse(pinned.deadline ?? '') / 1000;
  assert.equal(overdueOf(pinned, {}, deadline + 7), 7);
});
