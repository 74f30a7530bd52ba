/** One sweep of an installation of any size on a real API server: what it costs must hang on managers, not on history. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Extent } from './extent.ts';
import { concurrency } from './load.ts';
import { compare } from './rounds.ts';
import { openSize, sweep, type Sample, type Size, type Fixture } from './scale-fixture.ts';
import { median, pairedRatio, rounded } from './statistics.ts';
import type { Row, Table, Target } from '../support/table.ts';
import { buildVariants } from './variants.ts';

const megabyte = 1e6;

/** Managers and finished PgBackups. */
const sizes: readonly Size[] = [
  { managers: 1_000, backups: 10_000 },
  { managers: 1_000, backups: 100_000 },
  { managers: 10_000, backups: 10_000 },
  { managers: 10_000, backups: 100_000 },
];

/** A sweep of the largest takes half a minute: a fifth of the rounds is enough. */
const share = 1 / 5;

export async function benchScale(extent: Extent): Promise<Table> {
  await buildVariants();
  const dir = mkdtempSync(join(tmpdir(), 'aidboxops-scale-'));
  const fixtures: Fixture[] = [];
  const rounds = Math.ceil(extent.rounds * share);
  try {
    for (const { managers, backups } of sizes) {
      const size = { managers: Math.round(managers * extent.share), backups: Math.round(backups * extent.share) };
      fixtures.push(await openSize(join(dir, String(fixtures.length)), size));
    }
    return tableOf(await compare(fixtures, { rounds, warmUps: 1 }, sweep), rounds);
  } finally {
    for (const fixture of fixtures) await fixture.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

function tableOf(samples: ReadonlyMap<Fixture, readonly Sample[]>, rounds: number): Table {
  const all = [...samples];
  const rows = all.map(([size, some]): Row => {
    const middle = (key: keyof Sample): number => median(some.map((sample) => sample[key]));
    return {
      managers: size.managers,
      'finished PgBackups': size.backups,
      seconds: rounded(middle('seconds')),
      'ms a manager': rounded((middle('seconds') * 1000) / size.managers),
      'CPU s': rounded(middle('cpu')),
      'peak RSS MB': rounded(Math.max(...some.map(({ peak }) => peak))),
      'MB read': rounded(middle('bytes') / megabyte),
      'KB a manager': rounded(middle('bytes') / 1000 / size.managers),
      'delivered again': some.reduce((sum, { again }) => sum + again, 0),
      'API server CPU s': rounded(middle('server')),
      'etcd CPU s': rounded(middle('etcd')),
    };
  });
  return {
    title: 'Scale',
    method: `One sweep, everything settled: kube-apiserver and etcd for each size, objects put into etcd, one process with the memory limit of its Service, ${concurrency} pages at a time. Medians of ${rounds} rounds after one to warm up, all sizes in each.`,
    rows,
    targets: targetsOf(all),
  };
}

function targetsOf(all: readonly (readonly [Fixture, readonly Sample[]])[]): Target[] {
  const [few, fewOld, many, manyOld] = all;
  const peak = rounded(Math.max(...all.flatMap(([, some]) => some.map((sample) => sample.peak))));
  return [
    near('time a manager, ten times the managers', perManager('seconds', manyOld!, fewOld!), 0.2),
    near('time a manager, ten times the history', perManager('seconds', manyOld!, many!), 0.2),
    near('bytes a manager, ten times the managers', perManager('bytes', manyOld!, fewOld!), 0.2),
    near('bytes, ten times the history, few managers', perManager('bytes', fewOld!, few!), 0.02),
    { what: 'peak RSS', wanted: '≤ 130 MB', found: peak, met: peak <= 130 },
  ];
}

type Measured = readonly [Fixture, readonly Sample[]];

function perManager(key: 'seconds' | 'bytes', [size, some]: Measured, [other, others]: Measured): number {
  const [left, right] = [
    some.map((sample) => sample[key] / size.managers),
    others.map((sample) => sample[key] / other.managers),
  ];
  return rounded(pairedRatio(left, right));
}

function near(what: string, found: number, by: number): Target {
  return { what, wanted: `${1 - by}–${1 + by}×`, found, met: Math.abs(found - 1) <= by };
}
