/** Checks that only read the sources: types, lint and format, as a whole or with what an earlier run has left. */
import { join } from 'node:path';
import { durationText, type Progress } from '../local/machine/progress.ts';
import { root, runProgram, type Setting } from './program.ts';

/** A program whose exit code says whether all is well. */
export interface Check {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
}

const cache = join(root, 'node_modules', '.cache', 'aidboxops');
const bin = join(root, 'node_modules', '.bin');

const types: Check = {
  name: 'types',
  program: join(bin, 'tsc'),
  args: ['--noEmit', '--incremental', '--tsBuildInfoFile', join(cache, 'types.tsbuildinfo')],
};
const lint: Check = { name: 'lint', program: join(bin, 'eslint'), args: ['.'] };
const format: Check = {
  name: 'format',
  program: join(bin, 'prettier'),
  args: ['--check', '.', '--cache', '--cache-strategy=content', `--cache-location=${join(cache, 'format')}`],
};

/** Every file is linted. */
export const wholeChecks: readonly Check[] = [lint, types, format];

/**
 * Only changed files are linted: a change of a type that breaks a rule in another file is found by `wholeChecks`, and an
 * error of types by the compiler in any case.
 */
export const quickChecks: readonly Check[] = [
  { ...lint, args: ['.', '--cache', '--cache-strategy=content', `--cache-location=${join(cache, 'lint')}`] },
  types,
  format,
];

/** Runs checks side by side and prints what the failed ones wrote; returns the names of those. */
export async function runChecks(
  progress: Progress,
  checks: readonly Check[],
  setting: Pick<Setting, 'isInBackground'> = {},
): Promise<string[]> {
  const part = progress.part('checks');
  const running = new Set(checks.map(({ name }) => name));
  const showRunning = (): void => part.update([...running].join(', '));
  showRunning();
  const results = await Promise.all(
    checks.map(async (check) => {
      const result = await runCheck(check, setting);
      running.delete(check.name);
      showRunning();
      return result;
    }),
  );
  const failed = results.filter(({ code }) => code !== 0);
  const summary = results.map(({ name, code, ms }) => `${name} ${code === 0 ? '' : 'failed '}${durationText(ms)}`);
  if (failed.length === 0) part.done(summary.join(', '));
  else part.failed(summary.join(', '));
  for (const { name, output } of failed) progress.say(`${name}:\n${output}`);
  return failed.map(({ name }) => name);
}

interface Result {
  readonly name: string;
  readonly code: number;
  readonly ms: number;
  readonly output: string;
}

async function runCheck({ name, program, args }: Check, setting: Setting): Promise<Result> {
  const begun = performance.now();
  const output: Buffer[] = [];
  const code = await runProgram(program, args, { ...setting, output });
  return { name, code, ms: performance.now() - begun, output: Buffer.concat(output).toString('utf8') };
}
