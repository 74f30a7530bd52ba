/** Makes a failing scenario small: leaves out actions, switches off chance, shortens it, as long as the same invariant breaks. */
import { run } from './run.ts';
import type { Scenario } from './scenario.ts';
import type { Noise } from './world.ts';

/** The smallest scenario found that still breaks an invariant that the given one breaks. */
export async function shrink(scenario: Scenario, budget = 150): Promise<Scenario> {
  const wanted = new Set((await run(scenario)).violations.map(({ invariant }) => invariant));
  let left = budget;
  const fails = async (candidate: Scenario): Promise<boolean> => {
    left -= 1;
    return left >= 0 && (await run(candidate)).violations.some(({ invariant }) => wanted.has(invariant));
  };
  let smallest = scenario;
  for (let changed = true; changed && left > 0;) {
    changed = false;
    for (const candidate of simpler(smallest)) {
      if (!(await fails(candidate))) continue;
      smallest = candidate;
      changed = true;
      break;
    }
  }
  return smallest;
}

/** Big steps first. */
function* simpler(scenario: Scenario): Generator<Scenario> {
  yield* withFewerActions(scenario);
  const { actions, noise } = scenario;
  for (const key of Object.keys(noise) as (keyof Noise)[])
    if (noise[key] > 0) yield { ...scenario, noise: { ...noise, [key]: 0 } };
  if (scenario.databases.length > 1) yield { ...scenario, databases: scenario.databases.slice(0, 1) };
  if (scenario.pageCap < 500) yield { ...scenario, pageCap: 500 };
  const lastDay = Math.max(1, Math.ceil(Math.max(0, ...actions.map(({ at }) => at)) / 86_400));
  for (const days of [lastDay, scenario.days - 1]) if (days >= 1 && days < scenario.days) yield { ...scenario, days };
}

function* withFewerActions(scenario: Scenario): Generator<Scenario> {
  const { actions } = scenario;
  for (let size = Math.floor(actions.length / 2); size >= 1; size = Math.floor(size / 2))
    for (let at = 0; at < actions.length; at += size)
      yield { ...scenario, actions: actions.filter((_, index) => index < at || index >= at + size) };
}
