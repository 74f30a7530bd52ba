/** Which backups go: situations by hard case, and properties against a model of `wal-g delete before FIND_FULL`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { CatalogueEntry } from '../../../functions/domain/catalogue/catalogue.ts';
import { rfc3339 } from '../../../functions/domain/time.ts';
import { readHistory } from '../../../functions/domain/catalogue/timeline-history.ts';
import { deletedBefore, planRetention } from '../../../functions/rotation/retention.ts';
import type { Plan, StoredBackups } from '../../../functions/rotation/stored-backups.ts';

const day = 86_400;
const begin = 1_640_000_000;
const systemIdentifier = '7711259327716174705';
const cluster = 'cluster-1';

function name(segment: number, base?: number, timeline = 1): string {
  const text = (at: number): string =>
    `${timeline.toString(16).padStart(8, '0')}${at.toString(16).padStart(16, '0')}`.toUpperCase();
  return base === undefined ? `base_${text(segment)}` : `base_${text(segment)}_D_${text(base)}`;
}

type Shape = Partial<CatalogueEntry> & { readonly by?: string | undefined };

/** A backup that this StatefulSet's PgBackup `by` made; without `by` somebody else's. */
function entry(segment: number, shape: Shape = {}): CatalogueEntry {
  const { by, ...rest } = shape;
  return {
    name: name(segment),
    readable: true,
    storedAt: undefined,
    finishedAt: begin + segment * day,
    startedAt: begin + segment * day - 60,
    startLSN: '0',
    finishLSN: '0',
    permanent: false,
    systemIdentifier,
    uncompressedSize: 1,
    compressedSize: 1,
    owner: by === undefined ? undefined : { uid: by, namespace: 'shop', statefulSet: 'postgres', cluster },
    ...rest,
  };
}

function holdings(
  entries: readonly CatalogueEntry[],
  shape: Partial<StoredBackups> & { unproven?: string[] } = {},
): StoredBackups {
  const { unproven = [], ...rest } = shape;
  const proven = entries.filter(({ owner }) => owner !== undefined && !unproven.includes(owner.uid));
  return {
    namespace: 'shop',
    statefulSet: 'postgres',
    cluster,
    known: new Set(),
    failed: new Set(),
    history: readHistory(4, ['1\t7FFF/0\tx', '2\t7FFF/0\tx', '3\t7FFF/0\tx']),
    systemIdentifier,
    entries,
    proven: new Map(proven.map((each) => [each.owner!.uid, each.name])),
    retain: 2,
    adopt: false,
    adoptFrom: [],
    ...rest,
  };
}

function brief(plan: Plan): string {
  if (plan.verdict === 'refused') return `refused ${plan.reason}`;
  const permanent = plan.permanent.length === 0 ? '' : ` sparing ${plan.permanent.map(shortName).join(' ')}`;
  if (plan.verdict === 'keep') return `keep${permanent}`;
  return `delete ${plan.toDelete.map(shortName).join(' ')} before ${shortName(plan.cutoff)}${permanent}`;
}

/** `2`, `0B_D_9`: the digits that differ. */
function shortName(each: Pick<CatalogueEntry, 'name'>): string {
  return each.name.replace('base_', '').replaceAll(/0{7}10*/g, '');
}

const elsewhere = { uid: 'z', namespace: 'shop2', statefulSet: 'pg' };

const cases: Readonly<Record<string, { given: StoredBackups; want: string; wantMessage?: string }>> = {
  'H36 hollow backups do not count: B and C stay, A goes': {
    given: holdings(
      [1, 2, 3, 4, 5].map((at, index) => entry(at, { by: ['a', 'b', 'x1', 'x2', 'c'][index] })),
      { unproven: ['x1', 'x2'] },
    ),
    want: 'delete 1 before 2',
  },
  'H40 backups of a former CronJob are in the way: nothing goes': {
    given: holdings([
      ...Array.from({ length: 7 }, (_, at) => entry(at + 1)),
      entry(8, { by: 'a' }),
      entry(9, { by: 'b' }),
    ]),
    want: 'refused NotOurs',
    wantMessage:
      'refused: 7 of 9 stored backups are not ours (oldest 2021-12-21). Set spec.rotation.adopt: true to include them; takes effect after the next successful backup.',
  },
  'H40 with adopt the newest n proven stay and everything newer than the cut': {
    given: holdings(
      [entry(1), entry(2, { by: 'a' }), entry(3), entry(4, { by: 'b' }), entry(5), entry(6, { by: 'c' })],
      { adopt: true },
    ),
    want: 'delete 1 2 3 before 4',
  },
  'backups that are not ours and stay are no reason to refuse': {
    given: holdings([entry(1, { by: 'a' }), entry(2, { by: 'b' }), entry(3), entry(4, { by: 'c' })]),
    want: 'delete 1 before 2',
  },
  'ours without a PgBackup counts for nothing and may go': {
    given: holdings([entry(1, { by: 'gone' }), entry(2, { by: 'b' }), entry(3, { by: 'c' })], { unproven: ['gone'] }),
    want: 'delete 1 before 2',
  },
  'H43 entries of another namespace or StatefulSet, newer than what is kept': {
    given: holdings([
      entry(1, { by: 'a' }),
      entry(2, { owner: elsewhere }),
      entry(3, { owner: { ...elsewhere, namespace: 'shop' } }),
      entry(4, { by: 'b' }),
    ]),
    want: 'refused OtherOwner',
    wantMessage: `refused: 2 of 4 stored backups are of another installation (StatefulSet pg in namespace shop2; StatefulSet pg in namespace shop, newest ${rfc3339(begin + 3 * day)}). Give each a storage prefix of its own.`,
  },
  'H43 another owner that still writes is refused with adopt as well': {
    given: holdings([entry(1, { by: 'a' }), entry(2, { owner: { uid: 'z', namespace: 'shop', statefulSet: 'pg' } })], {
      adopt: true,
    }),
    want: 'refused OtherOwner',
  },
  'H44 several system identifiers: three others are named, each once': {
    given: holdings([
      ...['1', '1', undefined, '2', '3'].map((other, at) => entry(at + 1, { by: 'a', systemIdentifier: other })),
      entry(6, { by: 'b' }),
    ]),
    want: 'refused SeveralDatabases',
    wantMessage:
      'refused: 5 of 6 stored backups are of another database (system identifier 1, unknown, 2; this one is 7711259327716174705). Use a storage prefix of its own for each database.',
  },
  'H44 one system identifier, but not that of the database': {
    given: holdings([entry(1, { by: 'a' }), entry(2, { by: 'b' })], { systemIdentifier: '2' }),
    want: 'refused SeveralDatabases',
  },
  'H44 the newest by time is not the newest by name': {
    given: holdings([
      entry(1, { by: 'new', finishedAt: begin + 99 * day }),
      entry(2, { by: 'b' }),
      entry(3, { by: 'c' }),
    ]),
    want: 'refused NameOrder',
    wantMessage: `refused: the newest stored backup by time (${name(1)}) is not the newest by name (${name(3)}), and wal-g deletes by name. Was the storage prefix used before an upgrade or a restore? Move the older backups to another prefix.`,
  },
  'H44 below the newest, names do not follow time': {
    given: holdings([
      entry(1, { by: 'newer', finishedAt: begin + 50 * day }),
      entry(2, { by: 'b' }),
      entry(60, { by: 'c' }),
    ]),
    want: 'refused NewerWouldGo',
    wantMessage: `refused: ${name(1)} would be deleted although it is newer than a backup that would stay: names do not follow time. Move the older backups to another storage prefix.`,
  },
  'H45 cut inside of a delta chain: its full stays and everything from it on': {
    given: holdings([
      entry(1, { by: 'a' }),
      entry(2, { by: 'b' }),
      entry(3, { by: 'c', name: name(3, 2) }),
      entry(4, { by: 'd', name: name(4, 3) }),
    ]),
    want: 'delete 1 before 2',
  },
  'H45 a newer delta that rests on an older full moves the cut back to it': {
    given: holdings([
      entry(1, { by: 'a' }),
      entry(2, { by: 'b' }),
      entry(3, { by: 'c' }),
      entry(4, { by: 'd' }),
      entry(5, { by: 'e', name: name(5, 2) }),
    ]),
    want: 'delete 1 before 2',
  },
  'H45 a delta without its base does not count': {
    given: holdings([
      entry(1, { by: 'a' }),
      entry(2, { by: 'b' }),
      entry(4, { by: 'd', name: name(4, 3) }),
      entry(5, { by: 'e' }),
    ]),
    want: 'delete 1 before 2',
  },
  'H45 permanent backups stay and are named': {
    given: holdings([
      entry(1, { by: 'a' }),
      entry(2, { by: 'b', permanent: true }),
      entry(3, { by: 'c' }),
      entry(4, { by: 'd' }),
    ]),
    want: 'delete 1 before 3 sparing 2',
  },
  'H45 only a permanent one would go': {
    given: holdings([entry(2, { permanent: true }), entry(3, { by: 'c' }), entry(4, { by: 'd' })]),
    want: 'keep sparing 2',
  },
  'H45 fewer than n: nothing, whatever else is stored': {
    given: holdings([entry(1), entry(2), entry(3, { by: 'c' })]),
    want: 'keep',
  },
  'H45 exactly n: nothing': { given: holdings([entry(1, { by: 'a' }), entry(2, { by: 'b' })]), want: 'keep' },
  'a newer timeline sorts after every segment of the older one': {
    given: holdings([
      entry(9, { by: 'a', finishedAt: begin }),
      entry(5, { by: 'b', name: name(5, undefined, 2), finishedAt: begin + day }),
      entry(6, { by: 'c', name: name(6, undefined, 2), finishedAt: begin + 2 * day }),
    ]),
    want: 'delete 9 before 000000020000000000000005',
  },
  'a namesake of a PgBackup, overwritten in storage, is not proven': {
    given: holdings([entry(1, { by: 'a' }), entry(2, { by: 'b' }), entry(3, { by: 'c' })], {
      proven: new Map([
        ['a', name(1)],
        ['b', name(7)],
        ['c', name(3)],
      ]),
    }),
    want: 'keep',
  },
};

for (const [title, { given, want, wantMessage }] of Object.entries(cases)) {
  test(title, () => {
    const plan = planRetention(given);
    assert.equal(brief(plan), want);
    if (wantMessage === undefined) return;
    assert.ok(plan.verdict === 'refused');
    assert.equal(plan.message, wantMessage);
  });
}

test('as new as the oldest that stays is not newer', () => {
  const same = [entry(1, { by: 'a', finishedAt: begin + 2 * day }), entry(2, { by: 'b' }), entry(3, { by: 'c' })];
  assert.equal(brief(planRetention(holdings(same))), 'delete 1 before 2');
});

test('fewer than one is not kept: at least the newest stays', () => {
  const entries = [entry(1, { by: 'a' }), entry(2, { by: 'b' })];
  assert.equal(brief(planRetention(holdings(entries, { retain: 0 }))), 'delete 1 before 2');
});

test('nothing stored: nothing to do', () => {
  assert.equal(brief(planRetention(holdings([]))), 'keep');
});

/** `delete before FIND_FULL <cut>` as measured: back to the full of the cut, then all that sorts before it but permanent ones. */
function walgDeleteBefore(entries: readonly CatalogueEntry[], cut: string): CatalogueEntry[] {
  const key = (text: string): bigint => BigInt(`0x${text.slice(5, 29)}`);
  let full = cut;
  for (let base = /_D_(\w{24})/.exec(full)?.[1]; base !== undefined; base = /_D_(\w{24})/.exec(full)?.[1]) {
    const found = entries.find((each) => each.name.startsWith(`base_${base}`));
    assert.ok(found, 'wal-g would fail: base not found');
    full = found.name;
  }
  return entries.filter((each) => each.permanent || key(each.name) >= key(full));
}

/** Everything that restoring this backup needs is among `entries`. */
function restorable(entries: readonly CatalogueEntry[], each: CatalogueEntry): boolean {
  const base = /_D_(\w{24})/.exec(each.name)?.[1];
  if (base === undefined) return true;
  const found = entries.find((other) => other.name.startsWith(`base_${base}`));
  return found !== undefined && restorable(entries, found);
}

/** Catalogues of one database: fulls and deltas, ours and others', proven or not, some permanent. */
const someHoldings = fc
  .record({
    backups: fc.array(
      fc.record({
        gap: fc.integer({ min: 1, max: 3 }),
        /** How many backups back a delta's base is; 0 is a full. */
        back: fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 5 })),
        kind: fc.constantFrom('proven', 'proven', 'unproven', 'foreign'),
        permanent: fc.boolean(),
        chance: fc.integer({ min: 0, max: 5 }),
        lost: fc.integer({ min: 0, max: 15 }),
      }),
      { maxLength: 14 },
    ),
    retain: fc.integer({ min: 1, max: 6 }),
    adopt: fc.boolean(),
  })
  .map(({ backups, retain, adopt }) => {
    let segment = 0;
    const segments = backups.map(({ gap }) => (segment += gap));
    const all = backups.map(({ back, kind, permanent, chance }, at) =>
      entry(segments[at]!, {
        name: name(segments[at]!, back === 0 || back > at ? undefined : segments[at - back]),
        by: kind === 'foreign' ? undefined : `uid-${at}`,
        permanent: permanent && chance === 0,
      }),
    );
    const entries = all.filter((_, at) => backups[at]!.lost !== 0);
    const unproven = backups.flatMap(({ kind }, at) => (kind === 'unproven' ? [`uid-${at}`] : []));
    return holdings(entries, { retain, adopt, unproven });
  });

test('whatever is stored: wal-g would delete just what is planned, and what has to stay stays restorable', () => {
  fc.assert(
    fc.property(someHoldings, (given) => {
      const plan = planRetention(given);
      const newest = given.entries
        .filter((each) => each.owner !== undefined && given.proven.has(each.owner.uid))
        .filter((each) => restorable(given.entries, each))
        .toSorted((a, b) => b.finishedAt - a.finishedAt);
      if (newest.length < given.retain) assert.equal(plan.verdict, 'keep');
      if (plan.verdict !== 'delete') return;
      const left = walgDeleteBefore(given.entries, plan.cutoff.name);
      assert.deepEqual(
        left,
        given.entries.filter((each) => !plan.toDelete.includes(each)),
      );
      assert.deepEqual(deletedBefore(given.entries, plan.cutoff.name), plan.toDelete);
      assert.deepEqual(deletedBefore(left, plan.cutoff.name), []);
      for (const each of newest.slice(0, given.retain)) assert.ok(left.includes(each), `${each.name} was deleted`);
      for (const each of left.filter((one) => restorable(given.entries, one))) {
        assert.ok(restorable(left, each), `${each.name} lost what it rests on`);
      }
      if (!given.adopt) assert.ok(plan.toDelete.every(({ owner }) => owner !== undefined));
    }),
    { numRuns: 3000 },
  );
});

test('without deltas, exactly the newest n proven stay', () => {
  fc.assert(
    fc.property(someHoldings, (given) => {
      const entries = given.entries.map((each) => ({ ...each, name: each.name.slice(0, 29), permanent: false }));
      const fulls = {
        ...given,
        entries,
        adopt: true,
        proven: new Map([...given.proven.keys()].map((uid) => [uid, undefined])),
      };
      const plan = planRetention(fulls);
      const isProven = (each: CatalogueEntry): boolean => each.owner !== undefined && given.proven.has(each.owner.uid);
      const left = plan.verdict === 'delete' ? walgDeleteBefore(entries, plan.cutoff.name) : entries;
      assert.equal(left.filter(isProven).length, Math.min(given.retain, entries.filter(isProven).length));
    }),
    { numRuns: 1000 },
  );
});
