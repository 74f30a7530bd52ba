/** Random scenarios, at least 20 000 days of them, with all invariants; and what they and the scripts have shown. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fly } from './fleet.ts';
import { seenInRandom } from './hard-cases.ts';
import { report } from './report.ts';
import { run } from './run.ts';
import { createScenario } from './scenario.ts';
import { shrink } from './shrink.ts';
import { silence } from './world.ts';

const wantedDays = 20_000;

test('the same seed gives the same run, to the last effect', async () => {
  for (const seed of [5, 17, 80]) {
    const [one, other] = [await run(createScenario(seed), true), await run(createScenario(seed), true)];
    assert.ok(one.trace.length > 50);
    assert.deepEqual(one.trace, other.trace);
  }
});

test('I7 order, copies and delays of events change no outcome', async () => {
  const first = createScenario(1);
  // What a delta rests on is chance, and with it what a rotation may delete.
  const databases = first.databases.map((database) => ({ ...database, deltas: false }));
  const quiet = { ...first, databases, days: 3, pageCap: 500 };
  const actions = quiet.actions.filter(({ kind }) => kind === 'createManager');
  for (let seed = 1; seed <= 10; seed += 1) {
    const results = [silence, { ...silence, duplicate: 0.5, late: 0.3 }].map(async (noise) => {
      const { world, violations } = await run({ ...quiet, seed, actions, noise }, false, ({ walG }) => (walG.slow = 0));
      assert.deepEqual(violations, []);
      return world.api
        .all('pgbackups')
        .map(({ metadata, ...rest }) => [metadata.name, (rest['status'] as { state: string }).state]);
    });
    const [alone, disturbed] = await Promise.all(results);
    assert.deepEqual(disturbed, alone);
  }
});

test(`random scenarios of at least ${wantedDays} days break no invariant and show the hard cases`, async (context) => {
  const seeds = seedsFor(wantedDays);
  const seen = new Set<string>();
  const failing: number[] = [];
  let days = 0;
  await fly(seeds, (flight) => {
    days += flight.days;
    if (flight.violations.length > 0) failing.push(flight.seed);
    for (const sight of flight.seen) seen.add(sight);
  });
  context.diagnostic(
    `${seeds.length} seeds, ${Math.floor(days)} scenario-days, failing: ${failing.join(' ') || 'none'}`,
  );
  const [first] = failing;
  if (first !== undefined) assert.fail(await report(await shrink(createScenario(first))));
  assert.deepEqual(
    Object.entries(seenInRandom).filter(([, pattern]) => ![...seen].some((sight) => pattern.test(sight))),
    [],
    'hard cases that no random scenario shows any more',
  );
});

/** 1, 2, 3 … as many as have these days. */
function seedsFor(days: number): number[] {
  const seeds: number[] = [];
  for (let sum = 0; sum < days; sum += createScenario(seeds.length).days) seeds.push(seeds.length + 1);
  return seeds;
}
