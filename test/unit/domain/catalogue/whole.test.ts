/** Whether all of a backup is stored: its parts, and everything that it rests on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseCatalogue, type CatalogueEntry } from '../../../../functions/domain/catalogue/catalogue.ts';
import { chainOf, followChain } from '../../../../functions/domain/catalogue/chain.ts';
import { prove } from '../../../../functions/domain/catalogue/proof.ts';
import type { CatalogueAnswer, StoredPart } from '../../../../functions/domain/run/protocol.ts';
import { storedParts } from '../../../../functions/platform/run/walg.ts';

const claim = { uid: 'u9', namespace: 'shop', statefulSet: 'postgres', since: 0 };

function nameOf(at: number, base?: number): string {
  const segment = (of: number): string => `00000001${of.toString(16).toUpperCase().padStart(16, '0')}`;
  return base === undefined ? `base_${segment(at)}` : `base_${segment(at)}_D_${segment(base)}`;
}

/** Stored at second `at` of the storage's clock. */
function listed(name: string, at: number, change: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    backup_name: name,
    time: `2022-01-02T06:00:${String(at).padStart(2, '0')}.25Z`,
    start_lsn: 1,
    finish_lsn: 2,
    system_identifier: 7,
    compressed_size: 1000,
    user_data: { aidboxops: { uid: `u${at}`, namespace: 'shop', statefulSet: 'postgres' } },
    ...change,
  };
}

const whole: readonly StoredPart[] = [
  { name: 'part_001.tar.lz4', bytes: 500 },
  { name: 'part_003.tar.lz4', bytes: 400 },
  { name: 'pg_control.tar.lz4', bytes: 108 },
];

/** A full backup of second 6, a delta of 8 on it, and the one to prove, of 9, on that. */
const [full, delta, own] = [nameOf(6), nameOf(8, 6), nameOf(9, 8)];
const chain = [listed(full, 6), listed(delta, 8), listed(own, 9)];

function answer(
  list: readonly unknown[],
  parts: Readonly<Record<string, readonly StoredPart[]>> = {},
): CatalogueAnswer {
  return {
    podTime: 0,
    systemIdentifier: '7',
    backups: JSON.stringify(list),
    plain: false,
    parts: { [full]: whole, [delta]: whole, [own]: whole, ...parts },
    wal: '[{"id":1,"start_segment":"000000010000000000000000","end_segment":"0000000100000000000000FF"}]',
    ready: [],
    readyTotal: 0,
  };
}

const lifecycle = 'It cannot be restored. Is there a lifecycle rule on the bucket?';
const unrestorable = 'it cannot be restored. Is there a lifecycle rule on the bucket?';

const doubts: readonly (readonly [string, CatalogueAnswer, string])[] = [
  [
    'H74 its base is gone',
    answer([chain[0], chain[2]]),
    `${own} rests on ${nameOf(8)}, which is not stored any more: ${unrestorable}`,
  ],
  [
    "H74 its base's base is gone",
    answer(chain.slice(1)),
    `${own} rests on ${full}, which is not stored any more: ${unrestorable}`,
  ],
  [
    'H74 its base was stored again since',
    answer([chain[0], listed(delta, 10), chain[2]]),
    `${own} rests on ${delta}, which was stored again under the same name since: it cannot be restored. Was the database set back?`,
  ],
  [
    "H74 its base's base was stored again after its base, and before it",
    answer([listed(full, 8, { time: '2022-01-02T06:00:08.75Z' }), chain[1], chain[2]]),
    `${own} rests on ${full}, which was stored again under the same name since: it cannot be restored. Was the database set back?`,
  ],
  [
    'H135 no part is stored',
    answer(chain, { [own]: [] }),
    `${own} is not whole: no part of it is stored. ${lifecycle}`,
  ],
  [
    'H135 a part is not stored',
    answer(chain, { [own]: whole.slice(1) }),
    `${own} is not whole: its 2 parts have 508 of 1000 bytes. ${lifecycle}`,
  ],
  [
    'H135 one byte is not stored',
    answer([...chain.slice(0, 2), listed(own, 9, { compressed_size: 1009 })]),
    `${own} is not whole: its 3 parts have 1008 of 1009 bytes. ${lifecycle}`,
  ],
  [
    'H135 the part with pg_control is not stored, and the others are larger than was said',
    answer(chain, { [own]: [{ name: 'part_001.tar.lz4', bytes: 2000 }] }),
    `${own} is not whole: the part with pg_control is not stored. ${lifecycle}`,
  ],
  [
    'H135 a part of what it rests on is not stored',
    answer(chain, { [full]: whole.slice(1) }),
    `${full} is not whole: its 2 parts have 508 of 1000 bytes. ${own} rests on it. ${lifecycle}`,
  ],
];

for (const [situation, given, text] of doubts) {
  test(`${situation}: not whole, and the message says what is missing`, () => {
    const found = prove(given, claim);
    assert.equal(found.verdict, 'notWhole');
    assert.equal(found.verdict === 'notWhole' && found.text, text);
  });
}

const others: readonly (readonly [string, CatalogueAnswer, string])[] = [
  ['all is stored', answer(chain), 'proved'],
  [
    'exactly the bytes that were said',
    answer([...chain.slice(0, 2), listed(own, 9, { compressed_size: 1008 })]),
    'proved',
  ],
  ['no size was said', answer([...chain.slice(0, 2), listed(own, 9, { compressed_size: null })]), 'proved'],
  ['a base that was stored in the same moment', answer([chain[0], listed(delta, 9), chain[2]]), 'proved'],
  ['a base without a time', answer([listed(full, 6, { time: undefined }), chain[1], chain[2]]), 'proved'],
  ['its parts could not be listed', { ...answer(chain), parts: { [full]: whole, [delta]: whole } }, 'unknown'],
  ['those of its base could not be listed', { ...answer(chain), parts: { [own]: whole, [delta]: whole } }, 'unknown'],
];

for (const [situation, given, want] of others) {
  test(`${situation}: ${want}`, () => assert.equal(prove(given, claim).verdict, want));
}

const lsOf1 = `type size    last modified                           name
obj  4810191 2026-11-28 05:08:55.647289792 +0000 UTC part_001.tar.lz4
obj  395     2026-11-28 05:08:55.647289792 +0000 UTC pg_control.tar.lz4
`;
const lsOf3 = `type size    last modified                           name
dir  0       0001-01-01 00:00:00 +0000 UTC           /sub/
obj  371     2026-11-28 05:15:38.075298983 +0000 UTC backup_label.tar.lz4 
obj  4788704 2026-11-28 05:15:37.019298958 +0100 CET part_001.tar.lz4     
`;
const listings: readonly (readonly [string, string, number, readonly StoredPart[] | undefined])[] = [
  [
    'of 1.1',
    lsOf1,
    0,
    [
      { name: 'part_001.tar.lz4', bytes: 4810191 },
      { name: 'pg_control.tar.lz4', bytes: 395 },
    ],
  ],
  [
    'of 3.0.8',
    lsOf3,
    0,
    [
      { name: 'backup_label.tar.lz4', bytes: 371 },
      { name: 'part_001.tar.lz4', bytes: 4788704 },
    ],
  ],
  ['of a folder that is not there', 'type size last modified name\n', 0, []],
  ['that failed', lsOf1, 1, undefined],
  ['that is the usage', 'Usage:\n  wal-g st ls', 0, undefined],
  ['that is nothing', '', 0, undefined],
];

for (const [situation, stdout, code, want] of listings) {
  test(`a listing ${situation}`, () => {
    assert.deepEqual(storedParts({ code, stdout: stdout.replaceAll('\n', ' ') }), want);
  });
}

function entriesOf(list: readonly unknown[]): readonly CatalogueEntry[] {
  const catalogue = parseCatalogue(answer(list));
  assert.ok(catalogue.known);
  return catalogue.entries;
}

test('H74 a chain is whole when, and only when, each link is stored, and none later than what rests on it', () => {
  const links = fc.array(fc.record({ stored: fc.boolean(), late: fc.boolean() }), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(links, ([first, ...rest]) => {
      const all = [{ ...first, stored: true }, ...rest];
      const list = all.flatMap(({ stored, late }, at) => {
        const name = at === all.length - 1 ? nameOf(50 - at) : nameOf(50 - at, 49 - at);
        return stored ? [listed(name, late && at > 0 ? 59 : 50 - at)] : [];
      });
      const entries = entriesOf(list);
      const [entry] = entries;
      assert.ok(entry !== undefined);
      const lateFirst = all.slice(1).some(({ late }) => late);
      const isWhole = all.every(({ stored }) => stored) && !lateFirst;
      assert.equal(chainOf(entry, entries)?.length, isWhole ? all.length : undefined);
      assert.equal(followChain(entry, entries).whole, isWhole);
    }),
  );
});
