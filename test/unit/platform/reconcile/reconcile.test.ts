/** The loop that every function runs: when it goes on, when it waits, when it gives up. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Decision } from '../../../../functions/domain/commands/command.ts';
import { requestError } from '../../../../functions/domain/request-error.ts';
import type { Applied } from '../../../../functions/platform/reconcile/apply.ts';
import { runRounds, type Outcome } from '../../../../functions/platform/reconcile/reconcile.ts';
import { createFakeClock } from '../../../support/effects.ts';

const writes = { written: [], removed: [] };
const applied: Applied = { outcome: 'applied', undelivered: false, writes };
const conflict: Applied = { outcome: 'conflict', undelivered: false, writes };
const undelivered: Applied = { outcome: 'applied', undelivered: true, writes };

interface Round {
  readonly next: Decision['next'];
  readonly applied?: Applied;
  /** Milliseconds that the round takes. */
  readonly takes?: number;
}

interface Case {
  /** One after the other; the last one goes on for ever. */
  readonly rounds: readonly Round[];
  /** `done` unless it says otherwise. */
  readonly wantOutcome?: Outcome['outcome'];
  /** `Tested`, the reason of the decision, unless it says otherwise. */
  readonly wantReason?: string;
  readonly wantRounds: number;
  /** Milliseconds. */
  readonly wantElapsed?: number;
}

const cases: Readonly<Record<string, Case>> = {
  'settled at once': { rounds: [{ next: 'done' }], wantRounds: 1 },
  'again until settled': {
    rounds: [{ next: 'again' }, { next: 'again' }, { next: 'done' }],
    wantRounds: 3,
  },
  retry: { rounds: [{ next: 'retry' }], wantOutcome: 'retry', wantRounds: 1 },
  'what is under way is polled each second for ten, then left to its timer': {
    rounds: [{ next: 'wait' }],
    wantRounds: 11,
    wantElapsed: 10_000,
  },
  'what ends while it is polled ends within the activation': {
    rounds: [{ next: 'wait' }, { next: 'wait' }, { next: 'done' }],
    wantRounds: 3,
    wantElapsed: 2_000,
  },
  'three conflicts in a row are looked through': {
    rounds: [
      { next: 'again', applied: conflict },
      { next: 'again', applied: conflict },
      { next: 'again', applied: conflict },
      { next: 'done' },
    ],
    wantRounds: 4,
  },
  'a fourth conflict in a row is left to another try': {
    rounds: [{ next: 'done', applied: conflict }],
    wantOutcome: 'retry',
    wantReason: 'Conflict',
    wantRounds: 4,
  },
  'conflicts with progress between them are not counted together': {
    rounds: [
      { next: 'again', applied: conflict },
      { next: 'again', applied: conflict },
      { next: 'again' },
      { next: 'again', applied: conflict },
      { next: 'again', applied: conflict },
      { next: 'done' },
    ],
    wantRounds: 6,
  },
  'a sink that is down does not make a loop': {
    rounds: [{ next: 'again', applied: undelivered }],
    wantOutcome: 'retry',
    wantReason: 'Undelivered',
    wantRounds: 1,
  },
  'an event that was refused before comes again although the rest is settled': {
    rounds: [{ next: 'wait', applied: undelivered }, { next: 'done' }],
    wantOutcome: 'retry',
    wantReason: 'Undelivered',
    wantRounds: 2,
  },
  'no round begins later than 35 s': {
    rounds: [{ next: 'again', takes: 12_000 }],
    wantOutcome: 'retry',
    wantReason: 'OutOfTime',
    wantRounds: 3,
    wantElapsed: 36_000,
  },
  'a decision that its own writes never satisfy does not write for ever': {
    rounds: [{ next: 'again' }],
    wantOutcome: 'retry',
    wantReason: 'OutOfTime',
    wantRounds: 50,
  },
};

for (const [name, { rounds, wantOutcome = 'done', wantReason = 'Tested', wantRounds, wantElapsed }] of Object.entries(
  cases,
)) {
  test(name, async () => {
    const clock = createFakeClock();
    let count = 0;
    const current = (): Round => rounds[Math.min(count, rounds.length) - 1] ?? { next: 'done' };
    const { outcome, reason } = await runRounds<number>(
      {
        gather: () => {
          count += 1;
          clock.elapsed += current().takes ?? 0;
          return Promise.resolve(count);
        },
        decide: () => ({ commands: [], next: current().next, reason: 'Tested', message: '' }),
        apply: () => Promise.resolve(current().applied ?? applied),
      },
      clock,
    );
    assert.deepEqual([outcome, reason, count], [wantOutcome, wantReason, wantRounds]);
    if (wantElapsed !== undefined) assert.equal(clock.elapsed, wantElapsed);
  });
}

test('nothing there is done', async () => {
  const never = (): never => assert.fail('nothing is decided');
  const outcome = await runRounds<number>(
    { gather: () => Promise.resolve(undefined), decide: never, apply: never },
    createFakeClock(),
  );
  assert.deepEqual([outcome.outcome, outcome.reason], ['done', 'NothingThere']);
});

test('a failure goes to the caller', async () => {
  const never = (): never => assert.fail('nothing is decided');
  const lost = runRounds<number>(
    { gather: () => Promise.reject(requestError.of(0, 'NoAnswer', 'gone')), decide: never, apply: never },
    createFakeClock(),
  );
  await assert.rejects(lost, /gone/);
});
