/** `npm run chaos`: the fault matrix over one local environment; exit code 1 when an invariant broke. */
import { join } from 'node:path';
import { runCommand, usageError, wholeNumber } from '../../local/machine/command-line.ts';
import { buildFunctions } from '../../tools/build.ts';
import { textOf } from '../support/table.ts';
import { cases, titleOf, type Case } from './cases.ts';
import { faults, type FaultKind } from './faults.ts';
import { runCase, type Outcome } from './run-case.ts';
import { openSharedFixture } from './shared-fixture.ts';

/** Cases that touch only their own namespace are run side by side. */
const lanes = 3;

await runCommand(
  {
    name: 'npm run chaos',
    about: [
      `Does ${cases.length} faults to a local environment, each at the moment that matters, checks the invariants from outside`,
      'after each and prints the matrix. It takes half an hour or more.',
    ].join('\n'),
    options: {
      only: { type: 'string', value: 'PATTERN', default: '', help: 'only cases whose title matches' },
      seed: { type: 'string', value: 'N', default: '1', help: 'chooses the random moments' },
    },
  },
  ({ values: { only, seed } }) => {
    const wanted = cases.filter((one) => new RegExp(only, 'i').test(titleOf(one)));
    if (wanted.length === 0) throw usageError(`no case matches "${only}"`);
    return runAll(wanted, wholeNumber('--seed', seed));
  },
);

async function runAll(chosen: readonly Case[], seed: number): Promise<number> {
  const begun = performance.now();
  await buildFunctions();
  const shared = await openSharedFixture(join(import.meta.dirname, '../..', '.local', 'chaos'));
  const stop = (): void => void shared.close().then(() => process.exit(130));
  process.on('SIGINT', stop).on('SIGTERM', stop);
  const outcomes: Outcome[] = [];
  let count = 0;
  async function runNext(queue: Case[]): Promise<void> {
    for (let one = queue.shift(); one !== undefined; one = queue.shift()) {
      count += 1;
      const outcome = await runCase(shared, one, { namespace: `case-${count}`, seed });
      outcomes.push(outcome);
      process.stdout.write(`${lineOf(outcome)}\n`);
    }
  }
  try {
    const beside = chosen.filter(({ fault }) => !isShared(fault));
    await Promise.all(Array.from({ length: lanes }, () => runNext(beside)));
    await runNext(chosen.filter(({ fault }) => isShared(fault)));
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
    await shared.close();
  }
  return report(chosen, outcomes, { seed, minutes: (performance.now() - begun) / 60_000 });
}

function isShared(fault: Case['fault']): boolean {
  const kind: FaultKind = faults[fault];
  return kind.isShared;
}

function lineOf({ breaks, case: one, seconds, seen }: Outcome): string {
  const mark = breaks.length === 0 ? '✓' : '✗';
  return [`${mark} ${titleOf(one)}: ${seen} (${seconds.toFixed(1)} s)`, ...breaks.map((text) => `    ${text}`)].join(
    '\n',
  );
}

function report(
  chosen: readonly Case[],
  outcomes: readonly Outcome[],
  { minutes, seed }: { minutes: number; seed: number },
): number {
  const inOrder = chosen.flatMap((one) => outcomes.find((outcome) => outcome.case === one) ?? []);
  const broken = inOrder.reduce((sum, { breaks }) => sum + breaks.length, 0);
  const table = {
    title: 'Fault matrix',
    method: `${inOrder.length} cases, seed ${seed}, ${minutes.toFixed(1)} min. Seconds are from the fault to the final state.`,
    rows: inOrder.map(({ breaks, case: one, seconds, seen }) => ({
      function: one.function,
      fault: one.fault,
      moment: one.round === undefined ? one.moment : `${one.moment} (${one.round})`,
      expected: one.expected.join(' or '),
      seen,
      seconds: seconds.toFixed(1),
      breaks: breaks.length,
    })),
    targets: [{ what: 'broken invariants', wanted: '0', found: broken, met: broken === 0 }],
  };
  process.stdout.write(textOf(table));
  return broken === 0 ? 0 : 1;
}
