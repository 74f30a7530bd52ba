/** `npm run simulate`: many random scenarios on all cores, or one of them, shrunk and printed when it fails. */
import { runCommand, wholeNumber } from '../../local/machine/command-line.ts';
import { fly } from './fleet.ts';
import { report } from './report.ts';
import { run } from './run.ts';
import { createScenario } from './scenario.ts';
import { shrink } from './shrink.ts';

/** Seeds. */
const progressEvery = 1_000;

await runCommand(
  {
    name: 'npm run simulate',
    about: [
      'Runs the handlers of the functions against a cluster in memory, in virtual time and with faults, and checks the',
      'invariants. A seed makes one scenario; the first three that fail are shrunk and printed.',
    ].join('\n'),
    options: {
      seeds: { type: 'string', value: 'N', default: '200', help: 'how many scenarios' },
      from: { type: 'string', value: 'S', default: '1', help: 'seed of the first' },
      seed: { type: 'string', value: 'S', help: 'play the scenario of this seed alone' },
      trace: { type: 'boolean', help: 'with --seed: print every effect' },
    },
  },
  ({ values: { seeds, from, seed, trace: isTraced } }) =>
    seed === undefined
      ? runMany(wholeNumber('--seeds', seeds), wholeNumber('--from', from))
      : runOne(wholeNumber('--seed', seed), isTraced),
);

async function runMany(count: number, from: number): Promise<number> {
  const begun = performance.now();
  const seeds = Array.from({ length: count }, (_, at) => from + at);
  const failing: number[] = [];
  let days = 0;
  let done = 0;
  await fly(seeds, (flight) => {
    days += flight.days;
    done += 1;
    if (flight.violations.length > 0) {
      failing.push(flight.seed);
      process.stdout.write(
        `seed ${flight.seed} breaks I${flight.violations[0]?.invariant}: ${flight.violations[0]?.text}\n`,
      );
    }
    if (done % progressEvery === 0)
      process.stdout.write(`${done} of ${count} seeds, ${days.toFixed(0)} scenario-days\n`);
  });
  for (const seed of failing.slice(0, 3)) process.stdout.write(`${await report(await shrink(createScenario(seed)))}\n`);
  const seconds = (performance.now() - begun) / 1000;
  process.stdout.write(
    `${seeds.length} seeds, ${days.toFixed(0)} scenario-days, ${failing.length} failing (${failing.join(' ')}), ${seconds.toFixed(1)} s\n`,
  );
  return failing.length === 0 ? 0 : 1;
}

async function runOne(seed: number, isTraced: boolean): Promise<number> {
  const scenario = createScenario(seed);
  const { trace, violations } = await run(scenario, isTraced);
  if (isTraced) process.stdout.write(`${trace.join('\n')}\n`);
  if (violations.length === 0) return 0;
  process.stdout.write(`${await report(await shrink(scenario))}\n`);
  return 1;
}
