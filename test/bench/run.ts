/** `npm run bench`: runs benches and prints tables; only what was run whole is written to `results.json`. */
import { availableParallelism, totalmem } from 'node:os';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand, usageError, wholeNumber } from '../../local/machine/command-line.ts';
import { benchActivation } from './activation.ts';
import { benchColdStart } from './cold-start.ts';
import { whole, type Bench } from './extent.ts';
import { benchScale } from './scale.ts';
import { benchSlot } from './slot.ts';
import { benchSoak } from './soak.ts';
import { textOf, type Table } from '../support/table.ts';

const benches: Readonly<Record<string, Bench>> = {
  activation: benchActivation,
  'cold-start': benchColdStart,
  soak: benchSoak,
  scale: benchScale,
  slot: benchSlot,
};

interface Result extends Table {
  readonly machine: string;
  readonly node: string;
  readonly date: string;
}

const file = join(import.meta.dirname, 'results.json');

/** Results of benches that are not run now stay as they were. */
function save(name: string, table: Table): void {
  const stored = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Record<string, Result>) : {};
  const machine = `${availableParallelism()} cores, ${Math.round(totalmem() / 1024 ** 3)} GiB`;
  const result: Result = { ...table, machine, node: process.version, date: new Date().toISOString().slice(0, 10) };
  const merged = Object.entries({ ...stored, [name]: result }).toSorted(([a], [b]) => (a < b ? -1 : 1));
  writeFileSync(file, `${JSON.stringify(Object.fromEntries(merged), undefined, 2)}\n`);
}

await runCommand(
  {
    name: 'npm run bench',
    about: [
      'Runs all benches, or those named, and prints tables. What was run whole is written to test/bench/results.json.',
      `There are ${Object.keys(benches).join(', ')}.`,
    ].join('\n'),
    options: {
      rounds: { type: 'string', value: 'N', default: String(whole.rounds), help: 'rounds of each comparison' },
      share: {
        type: 'string',
        value: 'S',
        default: String(whole.share),
        help: 'do this share of what is large, such as 0.1',
      },
    },
    rest: 'NAME …',
  },
  async ({ values, rest }) => {
    const unknown = rest.filter((name) => !(name in benches));
    if (unknown.length > 0) throw usageError(`there is no bench ${unknown.join(', ')}`);
    const extent = { rounds: wholeNumber('--rounds', values.rounds), share: shareOf(values.share) };
    const isWhole = extent.rounds >= whole.rounds && extent.share >= whole.share;
    for (const name of rest.length > 0 ? rest : Object.keys(benches)) {
      const table = await benches[name]!(extent);
      if (isWhole) save(name, table);
      process.stdout.write(textOf(table));
    }
    return 0;
  },
);

function shareOf(text: string): number {
  const share = Number(text);
  if (!(share > 0)) throw usageError(`--share takes a number above 0, not "${text}"`);
  return share;
}
