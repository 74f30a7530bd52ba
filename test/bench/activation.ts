/** What an activation costs: requests, execs and posts, counted with the production handlers and a cluster in memory. */
import { priceOf, type Period } from '../simulation/costs.ts';
import { costOf } from '../simulation/ledger.ts';
import type { Row, Table } from '../support/table.ts';

interface Part extends Period {
  readonly what: string;
}

/** Seconds after a slot; the sweep comes 263 s and 1163 s after it, the probe 720 s. */
const parts: readonly Part[] = [
  { what: 'slot → success → rotated, 4 s of wal-g, one backup deleted', from: -30, to: 240, seconds: 4 },
  { what: 'a minute of a long backup', from: 30, to: 90, seconds: 3_000 },
  { what: 'an idle sweep, one PgManager', from: 1_150, to: 1_200, seconds: 4 },
  { what: 'an idle probe, one PgManager', from: 710, to: 760, seconds: 4 },
];

/** Different delays of events and calls. */
const seeds = [1, 2, 3, 4, 5, 6, 7, 8];

export async function benchActivation(): Promise<Table> {
  const rows: Row[] = [];
  for (const part of parts) rows.push(await worstOf(part));
  const [scheduled, , sweep] = rows;
  return {
    title: 'Activation cost',
    method: `One PgManager, third day; the dearest of ${seeds.length} orders of events. By function: requests + execs.`,
    rows,
    targets: [
      atMost('requests, slot → success → rotated', scheduled?.['requests'], 40),
      atMost('writes of an idle sweep', sweep?.['writes'], 0),
    ],
  };
}

function atMost(what: string, found: Row[string] = Number.NaN, limit: number): NonNullable<Table['targets']>[number] {
  return { what, wanted: `≤ ${limit}`, found, met: Number(found) <= limit };
}

async function worstOf({ what, ...period }: Part): Promise<Row> {
  const rows: (Row & { requests: number })[] = [];
  for (const seed of seeds) {
    const { effects, wakeUps } = await priceOf({ ...period, seed });
    const byFunction = Object.entries(Object.groupBy(effects, (effect) => effect.function)).map(([name, some = []]) => {
      const { requests, execs } = costOf(some);
      return `${name} ${requests}+${execs}`;
    });
    rows.push({ what, ...costOf(effects), 'wake-ups': wakeUps, 'by function': byFunction.join(', ') });
  }
  return rows.toSorted((a, b) => b.requests - a.requests)[0]!;
}
