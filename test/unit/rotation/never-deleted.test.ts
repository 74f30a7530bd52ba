/** What no plan deletes, over random catalogues: several makers, several timelines, names that do not follow time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { CatalogueEntry } from '../../../functions/domain/catalogue/catalogue.ts';
import { readHistory } from '../../../functions/domain/catalogue/timeline-history.ts';
import { planRetention } from '../../../functions/rotation/retention.ts';
import type { Plan, StoredBackups } from '../../../functions/rotation/stored-backups.ts';

const makers = [
  'proven',
  'proven',
  'proven',
  'proven',
  'failed',
  'forgotten',
  'legacy proven',
  'legacy forgotten',
  'one cluster',
  'another cluster',
  'another StatefulSet',
  'a person',
  'unreadable',
] as const;
type Maker = (typeof makers)[number];

interface Made {
  readonly maker: Maker;
  readonly entry: CatalogueEntry;
}

const day = 86_400;
const cluster = 'here';
const systemIdentifier = '1';

function hex(value: number, digits: number): string {
  return value.toString(16).toUpperCase().padStart(digits, '0');
}

function ownerOf(maker: Maker, uid: string): CatalogueEntry['owner'] {
  const ours = { uid, namespace: 'shop', statefulSet: 'postgres' };
  switch (maker) {
    case 'a person':
      return undefined;
    case 'legacy proven':
    case 'legacy forgotten':
      return ours;
    case 'one cluster':
    case 'another cluster':
      return { ...ours, cluster: maker };
    case 'another StatefulSet':
      return { ...ours, statefulSet: 'other', cluster };
    default:
      return { ...ours, cluster };
  }
}

const someBackup = fc.record({
  maker: fc.constantFrom(...makers),
  timeline: fc.oneof({ weight: 5, arbitrary: fc.constant(1) }, fc.integer({ min: 2, max: 3 })),
  /** Days by which its end is out of order; mostly none. */
  late: fc.oneof({ weight: 8, arbitrary: fc.constant(0) }, fc.integer({ min: -6, max: 6 })),
  permanent: fc.integer({ min: 0, max: 9 }).map((chance) => chance === 0),
  silent: fc.integer({ min: 0, max: 19 }).map((chance) => chance === 0),
});

const someCatalogue = fc
  .record({
    backups: fc.array(someBackup, { minLength: 1, maxLength: 14 }),
    inOrder: fc.boolean(),
    retain: fc.integer({ min: 1, max: 4 }),
    adopt: fc.boolean(),
    adoptFrom: fc.subarray(['one cluster', 'another cluster', cluster]),
    fork: fc.integer({ min: 1, max: 14 }),
    present: fc.integer({ min: 1, max: 3 }),
  })
  .map(({ backups, inOrder, fork, present, ...settings }) => {
    const made = backups.map(({ maker, timeline, late, permanent, silent }, at): Made => {
      const finishedAt = silent && maker === 'unreadable' ? 0 : (100 + at + (inOrder ? 0 : late)) * day;
      const branch = inOrder ? (at >= fork ? present : 1) : timeline;
      const entry: CatalogueEntry = {
        name: `base_${hex(branch, 8)}${hex(at + 1, 16)}`,
        readable: maker !== 'unreadable',
        storedAt: undefined,
        finishedAt,
        startedAt: finishedAt,
        startLSN: String(at),
        finishLSN: String(at + 1),
        permanent,
        systemIdentifier,
        uncompressedSize: 1,
        compressedSize: 1,
        owner: ownerOf(maker, `uid-${at}`),
      };
      return { maker, entry };
    });
    return { made, stored: storedBackups(made, { ...settings, history: historyOf(present, fork) }) };
  });

function historyOf(present: number, fork: number): StoredBackups['history'] {
  return readHistory(present, present === 1 ? [] : [`1\t0/${hex(fork, 1)}\tx`]);
}

function storedBackups(
  made: readonly Made[],
  settings: Pick<StoredBackups, 'retain' | 'adopt' | 'adoptFrom' | 'history'>,
): StoredBackups {
  const uids = (...of: Maker[]): string[] =>
    made.flatMap(({ maker, entry }) => (of.includes(maker) && entry.owner !== undefined ? [entry.owner.uid] : []));
  return {
    cluster,
    namespace: 'shop',
    statefulSet: 'postgres',
    systemIdentifier,
    entries: made.map(({ entry }) => entry),
    known: new Set(uids('proven', 'failed', 'legacy proven')),
    proven: new Map(uids('proven', 'legacy proven').map((uid) => [uid, undefined])),
    failed: new Set(uids('failed')),
    ...settings,
  };
}

interface Deletion {
  readonly made: readonly Made[];
  readonly stored: StoredBackups;
  readonly plan: Extract<Plan, { verdict: 'delete' }>;
  readonly gone: readonly Made[];
  /** Proven ones that stay because they do not sort before the cutoff. */
  readonly kept: readonly Made[];
}

const isProven = ({ maker }: Made): boolean => maker === 'proven' || maker === 'legacy proven';

/** Holds `check` against every plan that deletes something; there have to be many. */
function forEachDeletion(check: (deletion: Deletion) => void): void {
  let deletions = 0;
  fc.assert(
    fc.property(someCatalogue, ({ made, stored }) => {
      const plan = planRetention(stored);
      if (plan.verdict !== 'delete') return;
      deletions += 1;
      const gone = made.filter(({ entry }) => plan.toDelete.includes(entry));
      const kept = made.filter((one) => isProven(one) && one.entry.name >= plan.cutoff.name);
      check({ made, stored, plan, gone, kept });
    }),
    { numRuns: 5000 },
  );
  assert.ok(deletions > 300, `only ${deletions} plans delete anything`);
}

test('I6 H65 nothing that ended after the oldest proven one that stays, whoever made it, but for our own failed runs', () => {
  forEachDeletion(({ gone, kept }) => {
    const oldest = Math.min(...kept.map(({ entry }) => entry.finishedAt));
    for (const { maker, entry } of gone)
      assert.ok(maker === 'failed' || (entry.finishedAt > 0 && entry.finishedAt <= oldest), `${maker} ${entry.name}`);
  });
});

test('I6 H66 nothing at all while another cluster stores backups that are newer than one that stays', () => {
  forEachDeletion(({ made, stored, kept }) => {
    const oldest = Math.min(...kept.map(({ entry }) => entry.finishedAt));
    for (const { maker, entry } of made) {
      if (maker !== 'one cluster' && maker !== 'another cluster') continue;
      assert.ok(stored.adoptFrom.includes(maker) || entry.finishedAt <= oldest, `${entry.name} is of ${maker}`);
    }
  });
});

test('I6 H123 nothing of another cluster that lies between ours, unless it was taken over by name', () => {
  forEachDeletion(({ made, stored, gone }) => {
    const ours = made.filter((one) => isProven(one) && !one.entry.permanent);
    const first = Math.min(...ours.map(({ entry }) => entry.finishedAt));
    for (const { entry } of gone) {
      const { owner, finishedAt } = entry;
      if (owner?.cluster === undefined || owner.cluster === cluster) continue;
      assert.ok(stored.adoptFrom.includes(owner.cluster) || finishedAt <= first, entry.name);
    }
  });
});

test('I6 H67 H122 H131 nothing that is not ours unless somebody said so', () => {
  const notOurs: readonly Maker[] = ['legacy forgotten', 'a person', 'unreadable'];
  forEachDeletion(({ stored, gone }) => {
    if (stored.adopt) return;
    for (const { maker, entry } of gone) {
      assert.ok(!notOurs.includes(maker), `${maker} ${entry.name}`);
      const isOther = /cluster|StatefulSet/.test(maker);
      assert.ok(!isOther || stored.adoptFrom.includes(entry.owner?.cluster ?? ''), `${maker} ${entry.name}`);
    }
  });
});

test('I6 H132 as many as are to stay, of the history that the database is on', () => {
  forEachDeletion(({ stored, made, gone }) => {
    const onHistory = ({ entry }: Made): boolean => {
      const end = stored.history.get(Number.parseInt(entry.name.slice(5, 13), 16));
      return end !== undefined && (end === 'open' || BigInt(entry.finishLSN ?? 0) <= end);
    };
    const left = made.filter((one) => isProven(one) && !gone.includes(one));
    assert.ok(left.filter(onHistory).length >= stored.retain);
  });
});

test('what wal-g deletes by name is what was planned, and never a permanent one', () => {
  forEachDeletion(({ made, plan, gone }) => {
    const byName = made.filter(({ entry }) => !entry.permanent && entry.name < plan.cutoff.name);
    assert.deepEqual(gone, byName);
  });
});
