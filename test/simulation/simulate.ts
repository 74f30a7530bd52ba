/** `npm run simulate -- --seeds N [--from S]`: N random scenarios on all cores. `-- --seed S [--trace]`: one, shrunk and printed when it fails. */
import { parseArgs } from 'node:util';
import { fly } from './fleet.ts';
import { report } from './report.ts';
import { run } from './run.ts';
import { createScenario } from './scenario.ts';
import { shrink } from './shrink.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '200' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    trace: { type: 'boolean', default: false },
  },
});
process.exitCode = values.seed === undefined ? await playMany() : await playOne(Number(values.seed));

async function playMany(): Promise<number> {
  const begun = performance.now();
  const seeds = Array.from({ length: Number(values.seeds) }, (_, at) => Number(values.from) + at);
  const failing: number[] = [];
  let days = 0;
  await fly(seeds, (flight) => {
    days += flight.days;
    if (flight.violations.length > 0) failing.push(flight.seed);
  });
  for (const seed of failing.slice(0, 3)) process.stdout.write(`${await report(await shrink(createScenario(seed)))}\n`);
  const seconds = (performance.now() - begun) / 1000;
  process.stdout.write(
    `${seeds.length} seeds, ${days.toFixed(0)} scenario-days, ${failing.length} failing (${failing.join(' ')}), ${seconds.toFixed(1)} s\n`,
  );
  return failing.length === 0 ? 0 : 1;
}

async function playOne(seed: number): Promise<number> {
  const scenario = createScenario(seed);
  const { trace, violations } = await run(scenario, values.trace);
  if (values.trace) process.stdout.write(`${trace.join('\n')}\n`);
  if (violations.length === 0) return 0;
  process.stdout.write(`${await report(await shrink(scenario))}\n`);
  return 1;
}
