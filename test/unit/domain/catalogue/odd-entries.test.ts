/** Entries of the catalogue that cannot be read: they stay in the list, they hide nobody, and nothing is concluded from them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseCatalogue, unreadableText } from '../../../../functions/domain/catalogue/catalogue.ts';
import { prove } from '../../../../functions/domain/catalogue/proof.ts';
import type { CatalogueAnswer } from '../../../../functions/domain/run/protocol.ts';

const made = 1_641_103_000;
const claim = { uid: 'u1', namespace: 'shop', statefulSet: 'postgres', since: made };
const ours = 'base_000000010000000000000006';

/** As wal-g 3.0.8 prints it, plus whatever a row changes. */
function listed(change: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    backup_name: ours,
    time: '2022-01-02T06:00:00.5Z',
    start_time: '2022-01-02T05:59:00Z',
    finish_time: '2022-01-02T06:00:00Z',
    start_lsn: 100663336,
    finish_lsn: 100669816,
    is_permanent: false,
    system_identifier: '7711259327716174705',
    uncompressed_size: 102297386,
    compressed_size: 12636639,
    user_data: { aidboxops: { uid: 'u1', namespace: 'shop', statefulSet: 'postgres' } },
    ...change,
  };
}

const other = { backup_name: 'base_000000010000000000000004', user_data: null };

function answer(list: readonly unknown[], shape: Partial<CatalogueAnswer> = {}): CatalogueAnswer {
  return {
    podTime: made,
    systemIdentifier: '7711259327716174705',
    backups: JSON.stringify(list),
    plain: false,
    wal: '[{"id":1,"start_segment":"000000010000000000000001","end_segment":"00000001000000000000000C","missing_segments":[]}]',
    parts: {
      [ours]: [
        { name: 'part_001.tar.lz4', bytes: 12636639 },
        { name: 'pg_control.tar.lz4', bytes: 399 },
      ],
    },
    ready: [],
    readyTotal: 0,
    ...shape,
  };
}

const odd: readonly (readonly [string, unknown, string])[] = [
  ['a system identifier of null', listed({ ...other, system_identifier: null }), other.backup_name],
  ['a name that is no base_…', listed({ ...other, backup_name: 'stream_20220101T000000Z' }), 'stream_20220101T000000Z'],
  ['a name of another kind', listed({ ...other, backup_name: 7 }), ''],
  ['an LSN in hexadecimal', listed({ ...other, start_lsn: '0/6000028' }), other.backup_name],
  ['a negative LSN', listed({ ...other, finish_lsn: -1 }), other.backup_name],
  ['a mark that is no mark', listed({ ...other, is_permanent: 'yes' }), other.backup_name],
  ['a finish time that is a number', listed({ ...other, finish_time: 1641103200 }), other.backup_name],
  ['a name and nothing else', { backup_name: other.backup_name }, other.backup_name],
  ['an empty object', {}, ''],
  ['null', null, ''],
  ['a number', 7, ''],
  ['a list in the list', [listed()], ''],
];

for (const [situation, raw, name] of odd) {
  for (const list of [
    [raw, listed()],
    [listed(), raw],
  ]) {
    test(`H89 the own backup is proved beside ${situation}, ${list[0] === raw ? 'before' : 'after'} it`, () => {
      assert.equal(prove(answer(list), claim).verdict, 'proved');
      const catalogue = parseCatalogue(answer(list));
      assert.ok(catalogue.known);
      const entry = catalogue.entries[list.indexOf(raw)];
      assert.deepEqual([entry?.name, entry?.readable], [name, false]);
      assert.equal(catalogue.entries.filter(({ readable }) => readable).length, 1);
    });
  }
}

const harmless: readonly (readonly [string, Record<string, unknown>])[] = [
  ['sizes of null', { uncompressed_size: null, compressed_size: null }],
  ['sizes in text', { uncompressed_size: '1 GiB', compressed_size: '1 MiB' }],
  ['a mark of null', { is_permanent: null }],
  ['times of null', { start_time: null, finish_time: null }],
  ["Go's zero times", { start_time: '0001-01-01T00:00:00Z', finish_time: '0001-01-01T00:00:00Z' }],
  ['a field that no version has', { chkp_num: null, storage_name: 7 }],
];

for (const [situation, change] of harmless) {
  test(`H89 the own backup is proved with ${situation} in its own entry`, () => {
    const proof = prove(answer([listed(change)]), claim);
    assert.equal(proof.verdict, 'proved');
    assert.ok(proof.verdict === 'proved');
    assert.ok(proof.entry.finishedAt >= 1_641_103_200, 'a time that nobody wrote is not before everything');
  });
}

test('an own entry that is odd itself is neither absent nor proved', () => {
  const why = `${ours} is listed, but not as wal-g documents it`;
  assert.deepEqual(prove(answer([listed({ system_identifier: null })]), claim), { verdict: 'unknown', why });
});

const before = '2022-01-01T00:00:00Z';
const hidden: readonly (readonly [string, readonly unknown[], string])[] = [
  ['one that was stored a day before the run', [{ ...other, time: before }], 'absent'],
  ['one that was stored since', [{ ...other, time: '2022-01-02T06:00:00Z' }], 'unknown'],
  ['one that was stored since by a clock that is behind', [{ ...other, time: '2022-01-02T05:20:00Z' }], 'unknown'],
  ['one without a time', [other], 'unknown'],
  [
    'one that says whose it is',
    [listed({ finish_lsn: 'x', user_data: { aidboxops: { uid: 'u2', namespace: 'shop', statefulSet: 'postgres' } } })],
    'absent',
  ],
];

for (const [situation, list, want] of hidden) {
  test(`H88 ${situation} cannot be read, and the own one is not seen: ${want}`, () => {
    assert.equal(prove(answer(list, { error: 'ERROR: no metadata.json' }), claim).verdict, want);
  });
}

test('the message names those that cannot be read, three at most', () => {
  const catalogue = parseCatalogue(answer([listed(), ...['a', 'b', 'c', ''].map((backup_name) => ({ backup_name }))]));
  assert.ok(catalogue.known);
  const want = 'details of 4 of 5 stored backups could not be read (a, b, c and 1 more)';
  assert.equal(unreadableText(catalogue.entries), want);
  assert.equal(
    unreadableText(catalogue.entries.slice(4)),
    'details of 1 of 1 stored backups could not be read (one without a name)',
  );
  assert.equal(unreadableText(catalogue.entries.slice(0, 1)), undefined);
});

test('H89 whatever else is in the list, the own backup is proved and nothing is left out', () => {
  const strange = fc.oneof(
    fc.jsonValue(),
    fc.dictionary(fc.constantFrom(...Object.keys(listed())), fc.jsonValue()),
    fc.constant(listed({ ...other })),
  );
  fc.assert(
    fc.property(fc.array(strange, { maxLength: 6 }), fc.nat(6), (list, at) => {
      const whole = list.toSpliced(at, 0, listed());
      assert.equal(prove(answer(whole), claim).verdict, 'proved');
      const catalogue = parseCatalogue(answer(whole));
      assert.equal(catalogue.known && catalogue.entries.length, whole.length);
    }),
  );
});
