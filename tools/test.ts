/** `npm test`: set-up, build, static checks, then every test; `npm run test:unit` and its like: one folder of tests. */
import { runCommand, usageError } from '../local/machine/command-line.ts';
import { createProgress, type Progress } from '../local/machine/progress.ts';
import { runChecks, wholeChecks } from './checks.ts';
import { onlyComputes, onlyWaits, runLane, summaryOf, type Lane, type Outcome } from './lanes.ts';
import { setUp } from './set-up.ts';
import { filesOf, suiteNames, suiteOf } from './suites.ts';

await runCommand(
  {
    name: 'npm test',
    about: [
      'Gets the binaries that tests need, builds the functions, checks types, lint and format, and runs every test, or',
      `the files named. npm run test:${suiteNames.join(', test:')}`,
      'run one folder of tests without the checks. All but unit and simulation need Linux on x64; run them as root.',
    ].join('\n'),
    options: {
      suite: { type: 'string', value: 'NAME', default: '', help: 'run one folder of tests' },
      pattern: { type: 'string', value: 'PATTERN', default: '', help: 'run only tests whose name matches' },
      brief: { type: 'boolean', help: 'with a suite: print a dot for each test, and what failed' },
    },
    rest: 'FILE …',
  },
  async ({ values: { suite: name, pattern, brief }, rest }) => {
    const suite = suiteOf(name);
    if (suite === undefined) throw usageError(`no suite "${name}": there are ${suiteNames.join(', ')}`);
    const progress = createProgress();
    const env = await setUp(progress, suite.needs);
    const files = rest.length > 0 ? rest : filesOf(suite);
    if (name === '') return runAll(files, pattern, env);
    const { code } = await runLane({ ...suite, files, pattern, reporter: brief ? 'dot' : 'spec' }, env);
    return code;
  },
);

async function runAll(files: readonly string[], pattern: string, env: NodeJS.ProcessEnv): Promise<number> {
  const begun = performance.now();
  const [programs, waiting, [failedChecks, computing]] = await Promise.all([
    runLane({ files: files.filter((file) => !onlyComputes(file) && !onlyWaits(file)), pattern }, env),
    runLane({ files: files.filter(onlyWaits), pattern, isAside: true }, env),
    runBackground({ files: files.filter(onlyComputes), pattern, isInBackground: true }, env),
  ]);
  const lanes = [programs, waiting, computing];
  const output = lanes.map((lane) => lane.output).join('');
  process.stdout.write(`${output}\n${summaryOf(lanes, performance.now() - begun)}`);
  if (failedChecks.length > 0) process.stderr.write(`failed beside the tests: ${failedChecks.join(', ')}\n`);
  return failedChecks.length === 0 ? Math.max(...lanes.map(({ code }) => code)) : 1;
}

async function runBackground(lane: Lane, env: NodeJS.ProcessEnv): Promise<[string[], Outcome]> {
  const failed = await runChecks(resultsOnly(), wholeChecks, { isInBackground: true });
  return [failed, await runLane(lane, env)];
}

/** Progress among the lines of tests: nothing before there is a result. */
function resultsOnly(): Progress {
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  return {
    say,
    part: (name) => ({
      update: () => undefined,
      done: (text = '') => say(`✓ ${name}: ${text}`),
      failed: (text) => say(`✗ ${name}: ${text}`),
    }),
  };
}
