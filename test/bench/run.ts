/**
 * `npm run bench -- [--rounds N] [--share S] [NAME …]`: runs all benches, or those named, and prints tables. Only what was
 * run whole is written to `results.json`.
 */
import { availableParallelism, totalmem } from 'node:os';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { benchActivation } from './activation.ts';
import { benchColdStart, benchColdStartLimited } from './cold-start.ts';
import { whole, type Bench } from './extent.ts';
import { benchScale } from './scale.ts';
import { benchSlot } from './slot.ts';
import { benchSoak } from './soak.ts';
import { textOf, type Table } from '../support/table.ts';

const benches: Readonly<Record<string, Bench>> = {
  activation: benchActivation,
  'cold-start': benchColdStart,
  'cold-start-250m': benchColdStartLimited,
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

const { values, positionals: named } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string' }, share: { type: 'string' } },
});
const extent = { rounds: Number(values.rounds ?? whole.rounds), share: Number(values.share ?? whole.share) };
const isWhole = extent.rounds >= whole.rounds && extent.share >= whole.share;
const unknown = named.filter((name) => !(name in benches));
if (unknown.length > 0) throw new Error(`no bench ${unknown.join(', ')}; there are ${Object.keys(benches).join(', ')}`);
for (const name of named.length > 0 ? named : Object.keys(benches)) {
  const table = await benches[name]!(extent);
  if (isWhole) save(name, table);
  process.stdout.write(textOf(table));
}
