/** `npm run simulate -- --seeds N [--seed S]`: random scenarios until N are done; a failing one is shrunk and printed. */
import { parseArgs } from 'node:util';
import { run } from './run.ts';
import { createScenario } from './scenario.ts';
import { shrink } from './shrink.ts';
import { report } from './report.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '200' },
    seed: { type: 'string' },
    trace: { type: 'boolean', default: false },
  },
});
const first = Number(values.seed ?? 1);
const count = values.seed === undefined ? Number(values.seeds) : 1;
const begun = performance.now();
let days = 0;
let failed = 0;
for (let seed = first; seed < first + count; seed += 1) {
  const scenario = createScenario(seed);
  const result = await run(scenario, values.trace);
  days += result.days;
  if (values.trace) process.stdout.write(`${result.trace.join('\n')}\n`);
  if (result.violations.length === 0) continue;
  failed += 1;
  const small = values.seed === undefined ? scenario : await shrink(scenario);
  process.stdout.write(`${await report(small)}\n`);
}
const seconds = (performance.now() - begun) / 1000;
process.stdout.write(`${count} seeds, ${days.toFixed(0)} scenario-days, ${failed} failing, ${seconds.toFixed(1)} s\n`);
process.exitCode = failed === 0 ? 0 : 1;
