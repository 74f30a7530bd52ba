/**
 * `npm run mutation`: changes the pure code (functions/domain and what each function decides, or these files) in one
 * place after the other and runs the unit tests that reach the place. Exit 1 when fewer than 90 % of the changes are
 * noticed. Random tests draw the same examples in each run, so that a score is a fact about code and tests.
 *
 * Every change that Stryker's instrumenter knows counts, texts too; none is excluded as equivalent, so that 100 % is not
 * to be reached. Only fast tests of pure functions are asked: a change that nothing but a test with an API server or a
 * database would notice counts as survived.
 */
import { globSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from '../../local/machine/command-line.ts';
import { functionNames } from '../build.ts';
import { bundleTests } from './bundle.ts';
import { instrument, type Mutant } from './instrument.ts';
import { planFor } from './plan.ts';
import { workOff, type Job } from './pool.ts';
import { reportOf, scoreOf, type Fate, type Result } from './report.ts';
import type { Answer, Reach } from './worker.ts';

const root = join(import.meta.dirname, '../..');

/** Per cent. */
const wanted = 90;

const pureFolders = `{${['domain', ...functionNames()].join()}}`;
const pureCode = `functions/${pureFolders}/**/*.ts`;
/** Files of a function that read, write or serve. */
const effects = ['functions/*/{main,handler,gather,sweep,dead-letters,probe-page}.ts'];
const pureTests = [`test/unit/${pureFolders}/**/*.test.ts`, 'test/simulation/hard-cases.test.ts'];

/** CPU seconds that loading a module anew may take. */
const loading = 0.5;

await runCommand(
  {
    name: 'npm run mutation',
    about: [
      'Changes the pure code, or the files named, in one place after the other and runs the unit tests that reach it.',
      `Lists the changes that no test notices; exit code 1 when fewer than ${wanted} % are noticed.`,
    ].join('\n'),
    rest: 'FILE …',
  },
  async ({ rest }) => {
    const target = mkdtempSync(join(tmpdir(), 'aidboxops-mutation-'));
    try {
      const begun = performance.now();
      const files = rest.length > 0 ? rest : globSync(pureCode, { cwd: root, exclude: effects }).toSorted();
      const results = await mutate(files, target);
      process.stdout.write(`${reportOf(results, wanted)}\n${Math.round((performance.now() - begun) / 1000)} s\n`);
      return scoreOf(results) >= wanted ? 0 : 1;
    } finally {
      rmSync(target, { recursive: true });
    }
  },
);

async function mutate(files: readonly string[], target: string): Promise<Result[]> {
  const { mutants, sources } = await instrument(root, files);
  const tests = globSync(pureTests, { cwd: root }).toSorted();
  const reaches = await reachOf(await bundleTests(root, { tests, sources, target }));
  const fates = new Map<Mutant, Fate>();
  const jobs = mutants.flatMap((mutant): Job[] => {
    const { trials, seconds, hits } = planFor(mutant.id, reaches);
    if (trials.length === 0) return [];
    return [
      {
        order: { kind: 'try', mutant: mutant.id, trials, hitLimit: 100 * hits },
        limit: 5 * seconds + loading * trials.length,
        done: (answer) => {
          fates.set(mutant, fateOf(answer));
          progress(fates.size, jobs.length);
        },
      },
    ];
  });
  await workOff(jobs);
  return mutants.map((mutant) => ({ mutant, fate: fates.get(mutant) ?? 'not reached' }));
}

/** What all tests reach by module. They pass here, without any mutant, or nothing could be said of mutants. */
async function reachOf(modules: ReadonlyMap<string, string>): Promise<ReadonlyMap<string, Reach>> {
  const reaches = new Map<string, Reach>();
  await workOff(
    [...modules].map(([test, module]) => ({
      order: { kind: 'reach', module },
      limit: 120,
      done: (answer) => {
        if (typeof answer === 'string' || !('loading' in answer)) throw new Error(`${test} fails without any mutant`);
        reaches.set(module, answer);
      },
    })),
  );
  return reaches;
}

function fateOf(answer: Answer | 'timeout' | 'crash'): Fate {
  if (answer === 'timeout') return answer;
  return answer !== 'crash' && 'survived' in answer && answer.survived ? 'survived' : 'killed';
}

function progress(done: number, all: number): void {
  const text = `${done} of ${all} mutants`;
  if (process.stdout.isTTY) process.stdout.write(`\r\x1b[K${text}`);
  else if (done % 250 === 0) process.stdout.write(`${text}\n`);
}
