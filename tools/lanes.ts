/**
 * Test files in three lanes side by side: those that run real programs, those that wait for nearly all of their time, and
 * those that only compute. The last lane has a low priority and takes the time that the others leave.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { durationText } from '../local/machine/progress.ts';
import { root, runProgram } from './program.ts';
import type { Totals } from './totals.ts';

/** Environments of two test files side by side are what two cores bear. */
const concurrency = 2;

/** What hangs is ended: no file needs half of this (ms). */
const timeout = 15 * 60 * 1000;

/** How many of the longest files are named in the end. */
const longest = 5;

/** Files that one `node --test` runs. */
export interface Lane {
  readonly files: readonly string[];
  /** Runs the files one after the other in one process. */
  readonly inOneProcess?: boolean;
  /** Runs one after the other and keeps what they write for the end. */
  readonly isAside?: boolean;
  /** Runs them aside and at low priority. */
  readonly isInBackground?: boolean;
  readonly reporter?: 'spec' | 'dot';
  /** Only tests whose name matches; all of them when it is empty. */
  readonly pattern?: string;
}

/** How a lane ended. */
export interface Outcome {
  readonly code: number;
  readonly output: string;
  readonly totals: Totals;
}

/** Whether a test file needs nothing but the time of a core. */
export function onlyComputes(file: string): boolean {
  return /(^|\/)test\/(unit|simulation)\//.test(file);
}

/** Whether a test file takes so little of a core that it needs no place among those that run programs. */
export function onlyWaits(file: string): boolean {
  return /(^|\/)test\/e2e\/idle\.test\.ts$/.test(file);
}

/** Runs the files of a lane; one without files has nothing to say. */
export async function runLane({ isInBackground = false, ...lane }: Lane, env: NodeJS.ProcessEnv): Promise<Outcome> {
  const isAside = isInBackground || lane.isAside === true;
  const nothing: Outcome = { code: 0, output: '', totals: { counts: {}, files: {} } };
  if (lane.files.length === 0) return nothing;
  const dir = mkdtempSync(join(tmpdir(), 'aidboxops-totals-'));
  try {
    const file = join(dir, 'totals.json');
    const output: Buffer[] = [];
    const code = await runProgram(process.execPath, argumentsFor({ ...lane, isAside }, file), {
      env,
      isInBackground,
      ...(isAside ? { output } : {}),
    });
    return { code, output: Buffer.concat(output).toString('utf8'), totals: totalsIn(file) };
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** A run that was ended from outside has written none. */
function totalsIn(file: string): Totals {
  const text = readFileSync(file, 'utf8');
  return text === '' ? { counts: {}, files: {} } : (JSON.parse(text) as Totals);
}

/** Sums up lanes in two lines: how many tests ended how, and which files took longest. */
export function summaryOf(outcomes: readonly Outcome[], ms: number): string {
  const sum = (name: string): number => outcomes.reduce((all, { totals: { counts } }) => all + (counts[name] ?? 0), 0);
  const counts = ['passed', 'failed', 'cancelled', 'skipped'].map((name) => `${sum(name)} ${name}`);
  const files = outcomes
    .flatMap(({ totals }) => Object.entries(totals.files))
    .toSorted(([, left], [, right]) => right - left)
    .slice(0, longest)
    .map(([file, duration]) => `${relative(root, file)} ${durationText(duration)}`);
  return `${sum('tests')} tests: ${counts.join(', ')}, ${durationText(ms)}\nlongest: ${files.join(', ')}\n`;
}

function argumentsFor(
  { files, inOneProcess, isAside, reporter = 'spec', pattern = '' }: Lane,
  totals: string,
): string[] {
  const side = isAside === true ? 1 : concurrency;
  return [
    '--test',
    ...(inOneProcess === true ? ['--test-isolation=none'] : [`--test-concurrency=${side}`]),
    `--test-timeout=${timeout}`,
    `--test-reporter=${reporter}`,
    '--test-reporter-destination=stdout',
    `--test-reporter=${join(root, 'tools', 'totals.ts')}`,
    `--test-reporter-destination=${totals}`,
    ...(pattern === '' ? [] : [`--test-name-pattern=${pattern}`]),
    ...files,
  ];
}
