/** What a person reads at the end: a row for each file, and every mutant that lived. */
import { textOf, type Row } from '../../test/support/table.ts';
import type { Mutant } from './instrument.ts';

/** `timeout` counts as noticed: a loop that never ends is no answer. */
export type Fate = 'killed' | 'timeout' | 'survived' | 'not reached';

export interface Result {
  readonly mutant: Mutant;
  readonly fate: Fate;
}

/** Per cent of the mutants that were noticed; 100 when there are none. */
export function scoreOf(results: readonly Result[]): number {
  return results.length === 0 ? 100 : (100 * results.filter(isNoticed).length) / results.length;
}

export function reportOf(results: readonly Result[], wanted: number): string {
  const byFile = Map.groupBy(results, ({ mutant }) => mutant.file);
  const score = scoreOf(results);
  const table = textOf({
    title: 'Mutation score',
    method: 'Of each file, how many changes of its code are noticed by a test.',
    rows: [...[...byFile].map(([file, own]) => rowOf(file, own)), rowOf('total', results)],
    targets: [{ what: 'score', wanted: `≥ ${wanted} %`, found: percent(score), met: score >= wanted }],
  });
  const lines = results.filter((result) => !isNoticed(result)).map(lineOf);
  return [table, ...(lines.length === 0 ? [] : ['Not noticed', '', ...lines, ''])].join('\n');
}

function isNoticed({ fate }: Result): boolean {
  return fate === 'killed' || fate === 'timeout';
}

function rowOf(file: string, results: readonly Result[]): Row {
  const count = (fate: Fate): number => results.filter((result) => result.fate === fate).length;
  return {
    file,
    mutants: results.length,
    killed: count('killed'),
    'timed out': count('timeout'),
    survived: count('survived'),
    'not reached': count('not reached'),
    score: percent(scoreOf(results)),
  };
}

function lineOf({ mutant: { file, line, original, replacement }, fate }: Result): string {
  return `  ${file}:${line}  ${short(original)} → ${short(replacement)}${fate === 'not reached' ? '  (not reached)' : ''}`;
}

function short(code: string): string {
  const line = code.replace(/\s+/g, ' ');
  return line.length <= 100 ? line : `${line.slice(0, 60)} … ${line.slice(-37)}`;
}

/** Rounded down: 89.99 is not 90. */
function percent(score: number): string {
  return `${(Math.floor(score * 10) / 10).toFixed(1)} %`;
}
