/** `npm test`: set-up, build, static checks, then every test; the closing lines are those of the test runner. */
import { spawn } from 'node:child_process';
import { globSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { getAssets, getTool, type Assets } from '../local/assets/index.ts';
import { getProgram } from './cluster/assets/programs.ts';
import { buildFunctions } from './build.ts';
import { exitWith } from '../local/machine/exit-code.ts';
import { createProgress, type Progress } from '../local/machine/progress.ts';

const root = resolve(import.meta.dirname, '..');

/** Environments of two test files side by side are what two cores bear. */
const concurrency = 2;

/** What hangs is ended: no file needs half of this (ms). */
const timeout = 15 * 60 * 1000;

interface Check {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
}

const checks: readonly Check[] = [
  { name: 'types', program: 'tsc', args: ['--noEmit'] },
  { name: 'lint', program: 'eslint', args: ['.'] },
  { name: 'format', program: 'prettier', args: ['--check', '.'] },
];

await exitWith(() => runTests(process.argv.slice(2)));

/** Runs everything, or only the test files named; returns the exit code. */
async function runTests(files: readonly string[]): Promise<number> {
  const progress = createProgress();
  const env = await setUp(progress);
  const failedChecks: string[] = [];
  for (const check of checks) if (!(await runCheck(progress, check))) failedChecks.push(check.name);

  const selected = files.length > 0 ? files : globSync('test/**/*.test.ts', { cwd: root }).sort();
  const args = [
    '--test',
    `--test-concurrency=${concurrency}`,
    `--test-timeout=${timeout}`,
    '--test-reporter=spec',
    ...selected,
  ];
  const code = await runProgram(process.execPath, args, env);
  if (failedChecks.length === 0) return code;
  process.stderr.write(`failed before the tests: ${failedChecks.join(', ')}\n`);
  return code === 0 ? 1 : code;
}

/** Assets and bundles; the environment variables lead tests to them, so that no test sets anything up again. */
async function setUp(progress: Progress): Promise<NodeJS.ProcessEnv> {
  const assets = await getAssets(progress);
  const tools = await timed(progress, 'tools', async () => ({
    shellcheck: await getTool('shellcheck'),
    busybox: await getTool('busybox'),
  }));
  // What contract tests need, made here so that a first build is seen and no hook of a test waits for it.
  await getProgram(progress, 'apiserver_receive_adapter');
  await getProgram(progress, 'mtping');
  await timed(progress, 'bundles', buildFunctions);
  const bin = linkAll({ ...binariesOf(assets), ...tools });
  return {
    ...process.env,
    KUBEBUILDER_ASSETS: bin,
    WALG_BINARY: assets.walg.path,
    PATH: `${process.env['PATH'] ?? ''}${delimiter}${bin}`,
  };
}

function binariesOf(assets: Assets): Record<string, string> {
  return { 'kube-apiserver': assets.kubeApiserver, etcd: assets.etcd, kubectl: assets.kubectl };
}

/** One directory with everything by its plain name. */
function linkAll(programs: Readonly<Record<string, string>>): string {
  const bin = join(root, '.local', 'test-bin');
  rmSync(bin, { recursive: true, force: true });
  mkdirSync(bin, { recursive: true });
  for (const [name, path] of Object.entries(programs)) symlinkSync(path, join(bin, name));
  return bin;
}

async function runCheck(progress: Progress, check: Check): Promise<boolean> {
  const part = progress.part(check.name);
  part.update('checking');
  const output: Buffer[] = [];
  const code = await runProgram(join(root, 'node_modules', '.bin', check.program), check.args, process.env, output);
  if (code === 0) part.done('ok');
  else part.failed(`${check.program} ended with exit code ${code}\n${Buffer.concat(output).toString('utf8')}`);
  return code === 0;
}

function runProgram(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  output?: Buffer[],
): Promise<number> {
  return new Promise((resolveCode, reject) => {
    const stream = output === undefined ? 'inherit' : 'pipe';
    const child = spawn(program, args, { cwd: root, env, stdio: ['ignore', stream, stream] });
    for (const each of [child.stdout, child.stderr]) each?.on('data', (chunk: Buffer) => output?.push(chunk));
    // Ctrl-C reaches the child by itself; a signal to this process alone is handed on. We wait for it in any case.
    const forward = (signal: NodeJS.Signals): void => void child.kill(signal);
    process.on('SIGTERM', forward).on('SIGINT', ignore);
    child.on('error', reject);
    child.on('close', (code) => {
      process.off('SIGTERM', forward).off('SIGINT', ignore);
      resolveCode(code ?? 1);
    });
  });
}

function ignore(): void {
  // the test runner ends by itself and reports
}

async function timed<T>(progress: Progress, name: string, work: () => Promise<T>): Promise<T> {
  const part = progress.part(name);
  try {
    const result = await work();
    part.done('ready');
    return result;
  } catch (error) {
    part.failed(error instanceof Error ? error.message : String(error));
    throw error;
  }
}
