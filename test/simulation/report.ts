/** What a person reads of a failing scenario: the schedule, the broken invariants, and the effects that led there. */
import { run } from './run.ts';
import type { Scenario } from './scenario.ts';

/** Lines of the log before and after the first violation. */
const linesBefore = 120;
const linesAfter = 3;

export async function report(scenario: Scenario): Promise<string> {
  const { trace, violations } = await run(scenario, true);
  const { actions, ...rest } = scenario;
  const at = trace.findIndex((line) => line.includes('INVARIANT'));
  return [
    `seed ${scenario.seed}: ${violations.map(({ invariant, text }) => `I${invariant}: ${text}`).join(' | ')}`,
    JSON.stringify(rest),
    ...actions.map((action) => `  ${JSON.stringify(action)}`),
    ...trace.slice(Math.max(0, at - linesBefore), at + linesAfter),
  ].join('\n');
}
