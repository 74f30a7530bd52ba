/** `npm test`: set-up, build, static checks, then every test; `npm run test:unit` and its like: one folder of tests. */
import { runCommand, usageError } from '../local/machine/command-line.ts';
import { createProgress } from '../local/machine/progress.ts';
import { runChecks, wholeChecks } from './checks.ts';
import { runProgram } from './program.ts';
import { setUp } from './set-up.ts';
import { filesOf, suiteNames, suiteOf, type Suite } from './suites.ts';

/** Environments of two test files side by side are what two cores bear. */
const concurrency = 2;

/** What hangs is ended: no file needs half of this (ms). */
const timeout = 15 * 60 * 1000;

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
      name: { type: 'string', value: 'PATTERN', default: '', help: 'run only tests whose name matches' },
      brief: { type: 'boolean', help: 'print a dot for each test, and what failed' },
    },
    rest: 'FILE …',
  },
  async ({ values, rest }) => {
    const suite = suiteOf(values.suite);
    if (suite === undefined) throw usageError(`no suite "${values.suite}": there are ${suiteNames.join(', ')}`);
    const progress = createProgress();
    const env = await setUp(progress, suite.needs);
    const failedChecks = values.suite === '' ? await runChecks(progress, wholeChecks) : [];
    const code = await runProgram(process.execPath, argumentsFor(suite, rest, values), { env });
    if (failedChecks.length === 0) return code;
    process.stderr.write(`failed before the tests: ${failedChecks.join(', ')}\n`);
    return code === 0 ? 1 : code;
  },
);

interface Selection {
  readonly name: string;
  readonly brief: boolean;
}

function argumentsFor(suite: Suite, files: readonly string[], { name, brief }: Selection): string[] {
  return [
    '--test',
    ...(suite.inOneProcess === true ? ['--test-isolation=none'] : [`--test-concurrency=${concurrency}`]),
    `--test-timeout=${timeout}`,
    `--test-reporter=${brief ? 'dot' : 'spec'}`,
    ...(name === '' ? [] : [`--test-name-pattern=${name}`]),
    ...(files.length > 0 ? files : filesOf(suite)),
  ];
}
