/** What a bench found: rows of named cells, and what was aimed at. */

export type Cell = string | number;
export type Row = Readonly<Record<string, Cell>>;

export interface Table {
  readonly title: string;
  /** How it was measured, in a sentence or two. */
  readonly method: string;
  readonly rows: readonly Row[];
  readonly targets?: readonly Target[];
}

export interface Target {
  readonly what: string;
  readonly wanted: string;
  readonly found: Cell;
  readonly met: boolean;
}

/** Aligned text. */
export function textOf({ title, method, rows, targets = [] }: Table): string {
  const verdicts = targets.map(
    ({ what, wanted, found, met }) => `${met ? '✓' : '✗'} ${what}: ${found} (wanted: ${wanted})`,
  );
  return ['', title, method, '', ...linesOf(rows), ...verdicts.map((line) => `  ${line}`), ''].join('\n');
}

function linesOf(rows: readonly Row[]): string[] {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const cells = [columns, ...rows.map((row) => columns.map((column) => String(row[column] ?? '')))];
  const widths = columns.map((_, at) => Math.max(...cells.map((line) => (line[at] ?? '').length)));
  return cells.map((line) => `  ${line.map((cell, at) => pad(cell, widths[at] ?? 0, at)).join('  ')}`.trimEnd());
}

function pad(cell: string, width: number, at: number): string {
  return at === 0 ? cell.padEnd(width) : cell.padStart(width);
}
