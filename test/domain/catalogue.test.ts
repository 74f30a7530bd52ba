/** What is read out of wal-g's lists, by real output of 1.1 and 3.0. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { lsnText, prove, readCatalogue, segmentRange } from '../../functions/domain/catalogue.ts';
import { parseLossless } from '../../functions/domain/json.ts';
import type { CatalogueAnswer } from '../../functions/domain/remote-run.ts';

const claim = { uid: 'u1', namespace: 'shop', statefulSet: 'postgres' };

/** `backup-list --detail --json` of wal-g 3.0.8, one entry. 1.1 prints the same without storage_name and newline. */
const detail =
  '[{"backup_name":"base_000000010000000000000006","time":"2026-11-23T07:05:34.5Z","wal_file_name":"000000010000000000000006","storage_name":"default",' +
  '"start_time":"2026-11-23T07:05:33.843699Z","finish_time":"2026-11-23T07:05:34.405904Z","date_fmt":"%Y-%m-%dT%H:%M:%S.%fZ","hostname":"vm","data_dir":"/data",' +
  '"pg_version":180004,"start_lsn":100663336,"finish_lsn":100669816,"is_permanent":false,"system_identifier":7711259327716174705,' +
  '"uncompressed_size":102297386,"compressed_size":12636639,"user_data":{"aidboxops":{"namespace":"shop","statefulSet":"postgres","uid":"u1"}}}]\n';

const wal =
  '[{"id":1,"parent_id":0,"switch_point_lsn":0,"start_segment":"000000010000000000000001","end_segment":"00000001000000000000000C","segments_count":12,"missing_segments":[],"status":"OK"}]';

function answer(shape: Partial<CatalogueAnswer> = {}): CatalogueAnswer {
  return {
    podTime: 0,
    systemIdentifier: '7711259327716174705',
    backups: detail,
    plain: false,
    wal,
    ready: [],
    readyTotal: 0,
    ...shape,
  };
}

test('a real entry of ours with its WAL stored is proved', () => {
  const proof = prove(answer(), claim);
  assert.equal(proof.verdict, 'proved');
  assert.ok(proof.verdict === 'proved');
  assert.equal(proof.entry.systemIdentifier, '7711259327716174705', 'beyond 2^53, not rounded');
});

const verdicts: readonly (readonly [string, Partial<CatalogueAnswer>, string])[] = [
  ['an empty list of 3.0', { backups: '[]\n' }, 'absent'],
  ['a system identifier that differs in its last digit', { systemIdentifier: '7711259327716174704' }, 'foreign'],
  ['the entry of another run', { backups: detail.replace('"u1"', '"u2"') }, 'absent'],
  ['the entry of another namespace', { backups: detail.replace('"shop"', '"other"') }, 'absent'],
  ['user data that is no object', { backups: detail.replace(/"user_data":.*\}\]/, '"user_data":"x"}]') }, 'absent'],
  ['no user data', { backups: detail.replace(/,"user_data":.*\}\]/, '}]') }, 'absent'],
  ['a system identifier of null', { backups: detail.replace('7711259327716174705', 'null') }, 'foreign'],
  ['storage that could not be read', { backups: undefined as never, error: 'ERROR: no' }, 'unknown'],
  ['a list without details', { plain: true }, 'unknown'],
  ['usage text instead of JSON', { backups: 'Usage:\n  wal-g …' }, 'unknown'],
  ['a list that is no list', { backups: '{"a":1}' }, 'unknown'],
  ['one entry that is not as documented', { backups: `[{"backup_name":"../../etc"},${detail.slice(1)}` }, 'unknown'],
  ['WAL that could not be listed', { wal: undefined as never, error: 'ERROR: no' }, 'unknown'],
  ['no WAL at all', { wal: '[]' }, 'walMissing'],
  ['WAL that ends before', { wal: wal.replace('00000001000000000000000C', '000000010000000000000005') }, 'walMissing'],
  ['WAL that begins after', { wal: wal.replace('000000010000000000000001', '000000010000000000000007') }, 'walMissing'],
  ['a hole at its segment', { wal: wal.replace('[]', '["000000010000000000000006"]') }, 'walMissing'],
  ['a hole elsewhere', { wal: wal.replace('[]', '["000000010000000000000003"]') }, 'proved'],
  ['missing_segments of null', { wal: wal.replace('"missing_segments":[]', '"missing_segments":null') }, 'proved'],
  [
    'its segment still waiting to be archived, a namesake stored',
    { ready: ['000000010000000000000006'], readyTotal: 1 },
    'walMissing',
  ],
  ['a finish LSN of 0', { backups: detail.replace('100669816', '0') }, 'unknown'],
  ['no finish LSN', { backups: detail.replace('"finish_lsn":100669816,', '') }, 'unknown'],
  ['a finish LSN of null', { backups: detail.replace('100669816', 'null') }, 'unknown'],
  ['no start LSN', { backups: detail.replace('"start_lsn":100663336,', '') }, 'unknown'],
  [
    'more segments waiting than are listed, all of those later',
    { ready: ['000000010000000000000007'], readyTotal: 20_001 },
    'unknown',
  ],
  [
    'more segments waiting than are listed, some of those older',
    { ready: ['000000010000000000000005', '000000010000000000000007'], readyTotal: 20_001 },
    'proved',
  ],
  ['a later segment waiting to be archived', { ready: ['000000010000000000000007'], readyTotal: 1 }, 'proved'],
  [
    'WAL of another timeline only',
    { wal: wal.replaceAll('"0000000100', '"0000000200').replace('"id":1', '"id":2') },
    'walMissing',
  ],
];

for (const [situation, shape, want] of verdicts) {
  test(`${situation}: ${want}`, () => {
    assert.equal(prove(answer(shape), claim).verdict, want);
  });
}

test('1.1 prints nothing for an empty storage; the caller gives that as an empty list', () => {
  assert.deepEqual(readCatalogue(answer({ backups: '[]' })), { known: true, entries: [] });
});

const mebibyte = 1024 * 1024;
const ranges: readonly (readonly [string, string, string, string, string, number?])[] = [
  ['within one segment', 'base_000000010000000000000006', '100663336', '100669816', '000000010000000000000006'],
  ['into the next segment', 'base_000000010000000000000006', '100663336', '117441024', '000000010000000000000007'],
  [
    'exactly at a boundary: the segment before',
    'base_000000010000000000000006',
    '100663336',
    '117440512',
    '000000010000000000000006',
  ],
  [
    '64 MiB segments',
    'base_000000010000000000000002',
    '134217768',
    '201326593',
    '000000010000000000000003',
    64 * mebibyte,
  ],
  [
    '1 MiB segments, in the first MiB of a new 4 GiB of WAL',
    'base_000000010000000100000000',
    '4294967336',
    '4297064449',
    '000000010000000100000002',
    mebibyte,
  ],
  ['beyond 4 GiB of WAL', 'base_0000000100000001000000FF', '8573157416', '8589934593', '000000010000000200000000'],
  [
    'a delta',
    'base_000000010000000000000008_D_000000010000000000000006',
    '134217768',
    '134217900',
    '000000010000000000000008',
  ],
];

for (const [situation, name, startLSN, finishLSN, last, size] of ranges) {
  test(`last segment, ${situation}`, () => {
    assert.deepEqual(segmentRange({ name, startLSN, finishLSN }, size), [name.slice(5, 29), last]);
  });
}

test('LSNs read as PostgreSQL writes them', () => {
  assert.equal(lsnText('100663336'), '0/6000028');
  assert.equal(lsnText('18446744073709551615'), 'FFFFFFFF/FFFFFFFF');
});

test('every unsigned 64-bit integer passes through JSON unharmed', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (value) => {
      const parsed = parseLossless(`{"n":${value},"s":"${value}"}`) as { n: string | number; s: string };
      assert.equal(String(parsed.n), String(value));
      assert.equal(parsed.s, String(value));
    }),
  );
});

test('whatever a storage gives, reading it never throws', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      const catalogue = readCatalogue(answer({ backups: text }));
      assert.equal(typeof catalogue.known, 'boolean');
      assert.notEqual(prove(answer({ backups: text, wal: text }), claim).verdict, 'proved');
    }),
  );
});
