/** Random scenarios, at least 2 000 days of them, with all invariants; and what they and the scripts have shown. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hardCases, seenInRandom } from './hard-cases.ts';
import { report } from './report.ts';
import { run } from './run.ts';
import { createScenario } from './scenario.ts';
import { shrink } from './shrink.ts';
import { silence } from './world.ts';

const wantedDays = 2_000;
/** Cases that no model here can show, and the tests that do. */
const shownElsewhere: Readonly<Record<number, string>> = {
  11: 'accepted: test/simulation, deleteBackup',
  16: 'test/runner',
  34: 'test/rotation',
  37: 'test/rotation',
  43: 'test/domain/cut.test.ts',
  44: 'test/domain/cut.test.ts',
  53: 'test/platform',
  57: 'test/runner',
  58: 'invariant 7',
  62: 'test/runner',
};

test('the same seed gives the same run, to the last effect', async () => {
  for (const seed of [5, 17, 80]) {
    const [one, other] = [await run(createScenario(seed), true), await run(createScenario(seed), true)];
    assert.ok(one.trace.length > 50);
    assert.deepEqual(one.trace, other.trace);
  }
});

test('order, copies and delays of events change no outcome', async () => {
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

test(`random scenarios of at least ${wantedDays} days break no invariant`, async (context) => {
  const seen = new Map<string, number>();
  let days = 0;
  let seed = 0;
  const begun = performance.now();
  while (days < wantedDays) {
    seed += 1;
    const scenario = createScenario(seed);
    const result = await run(scenario);
    days += result.days;
    if (result.violations.length > 0) assert.fail(await report(await shrink(scenario)));
    for (const sight of result.seen) seen.set(sight, (seen.get(sight) ?? 0) + 1);
  }
  const seconds = (performance.now() - begun) / 1000;
  context.diagnostic(`${seed} seeds, ${Math.floor(days)} scenario-days, ${seconds.toFixed(0)} s`);
  for (const line of coverage(seen)) context.diagnostic(line);
});

test('every hard case is scripted, seen in random scenarios, or shown elsewhere', () => {
  const scripted = new Set(hardCases.flatMap(({ numbers }) => numbers).concat(12));
  const missing = Array.from({ length: 64 }, (_, at) => at + 1).filter(
    (number) => !scripted.has(number) && !(number in seenInRandom) && !(number in shownElsewhere),
  );
  assert.deepEqual(missing, []);
});

/** One line a hard case: scripts, seeds in which it was seen, or where else it is shown. */
function coverage(seen: ReadonlyMap<string, number>): string[] {
  return Array.from({ length: 64 }, (_, at) => {
    const number = at + 1;
    const scripts = hardCases.filter(({ numbers }) => numbers.includes(number)).length + Number(number === 12);
    const pattern = seenInRandom[number];
    const seeds = Math.max(0, ...[...seen].filter(([sight]) => pattern?.test(sight)).map(([, count]) => count));
    return `#${number}: ${scripts} scripts, ${seeds} seeds${number in shownElsewhere ? `, ${shownElsewhere[number]}` : ''}`;
  });
}
