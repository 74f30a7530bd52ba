/** What is read out of wal-g's lists, by real output of 1.1 and 3.0. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { lsnText, parseCatalogue } from '../../../../functions/domain/catalogue/catalogue.ts';
import { segmentRange } from '../../../../functions/domain/catalogue/proof.ts';
import { prove } from '../../../../functions/domain/catalogue/proof.ts';
import { parseLossless } from '../../../../functions/domain/catalogue/lossless-json.ts';
import type { CatalogueAnswer } from '../../../../functions/domain/run/protocol.ts';

const claim = { uid: 'u1', namespace: 'shop', statefulSet: 'postgres', since: 0 };

/** `backup-list --detail --json` of wal-g 3.0.8, one entry. 1.1 prints the same without storage_name and newline. */
const detail =
  '[{"backup_name":"base_000000010000000000000006","time":"2026-11-23T07:05:34.5Z","wal_file_name":"000000010000000000000006","storage_name":"default",' +
  '"start_time":"2026-11-23T07:05:33.843699Z","finish_time":"2026-11-23T07:05:34.405904Z","date_fmt":"%Y-%m-%dT%H:%M:%S.%fZ","hostname":"vm","data_dir":"/data",' +
  '"pg_version":180004,"start_lsn":100663336,"finish_lsn":100669816,"is_permanent":false,"system_identifier":7711259327716174705,' +
  '"uncompressed_size":102297386,"compressed_size":12636639,"user_data":{"aidboxops":{"namespace":"shop","statefulSet":"postgres","uid":"u1"}}}]\n';

const wal =
  '[{"id":1,"parent_id":0,"switch_point_lsn":0,"start_segment":"000000010000000000000001","end_segment":"00000001000000000000000C","segments_count":12,"missing_segments":[],"status":"OK"}]';

/** Whatever backup is asked for, all of it is stored. */
const everything = [
  { name: 'part_001.tar.lz4', bytes: Number.MAX_SAFE_INTEGER },
  { name: 'pg_control.tar.lz4', bytes: 399 },
];

function answer(shape: Partial<CatalogueAnswer> = {}): CatalogueAnswer {
  return {
    podTime: 0,
    systemIdentifier: '7711259327716174705',
    backups: detail,
    plain: false,
    wal,
    parts: new Proxy({}, { get: () => everything }),
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

/** From segment 60 to 61 where a segment has 1 MiB. */
const smallSegments = {
  segmentSize: 1024 * 1024,
  backups: detail
    .replaceAll('000000010000000000000006', '000000010000000000000060')
    .replace('"finish_lsn":100669816', '"finish_lsn":101711888'),
};

const verdicts: readonly (readonly [string, Partial<CatalogueAnswer>, string])[] = [
  ['an empty list of 3.0', { backups: '[]\n' }, 'absent'],
  ['an empty list, and WAL that could not be listed', { backups: '[]', wal: '' }, 'unknown'],
  ['a system identifier that differs in its last digit', { systemIdentifier: '7711259327716174704' }, 'foreign'],
  ['the entry of another run', { backups: detail.replace('"u1"', '"u2"') }, 'absent'],
  ['the entry of another namespace', { backups: detail.replace('"shop"', '"other"') }, 'absent'],
  ['the entry of another StatefulSet', { backups: detail.replace('"postgres"', '"other"') }, 'absent'],
  ['a name with something before it', { backups: detail.replace('"base_', '"x/base_') }, 'unknown'],
  ['a name with something behind it', { backups: detail.replace('006","time"', '006/x","time"') }, 'unknown'],
  ['a name that is too short', { backups: detail.replace('"base_000000010000000000000006"', '"base_06"') }, 'unknown'],
  ['an LSN in text', { backups: detail.replace('100663336', '"100663336"') }, 'proved'],
  ['an LSN with something before it', { backups: detail.replace('100663336', '"x100663336"') }, 'unknown'],
  ['an LSN with something behind it', { backups: detail.replace('100663336', '"100663336x"') }, 'unknown'],
  ['an LSN in hexadecimal', { backups: detail.replace('100663336', '"0/6000028"') }, 'unknown'],
  ['user data that is no object', { backups: detail.replace(/"user_data":.*\}\]/, '"user_data":"x"}]') }, 'absent'],
  ['no user data', { backups: detail.replace(/,"user_data":.*\}\]/, '}]') }, 'absent'],
  ['a system identifier of null', { backups: detail.replace('7711259327716174705', 'null') }, 'unknown'],
  ['usage text instead of JSON', { backups: 'Usage:\n  wal-g …' }, 'unknown'],
  ['a list that is no list', { backups: '{"a":1}' }, 'unknown'],
  ['one entry that is not as documented', { backups: `[{"backup_name":"../../etc"},${detail.slice(1)}` }, 'proved'],
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
  ['a finish LSN that is the start', { backups: detail.replace('100669816', '100663336') }, 'unknown'],
  ['no finish LSN', { backups: detail.replace('"finish_lsn":100669816,', '') }, 'unknown'],
  ['a finish LSN of null', { backups: detail.replace('100669816', 'null') }, 'unknown'],
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
  [
    'more segments waiting than are listed, its own the oldest of those',
    { ready: ['000000010000000000000006'], readyTotal: 20_001 },
    'walMissing',
  ],
  ['segments waiting and none listed', { ready: [], readyTotal: 1 }, 'unknown'],
  [
    'another timeline before its own',
    {
      wal: `${wal.slice(0, -1).replaceAll('"0000000100', '"0000000200').replace('"id":1', '"id":2')},${wal.slice(1)}`,
    },
    'proved',
  ],
  [
    'a segment with something before it',
    { wal: wal.replace('"000000010000000000000001"', '"/000000010000000000000001"') },
    'unknown',
  ],
  ['a segment with something behind it', { wal: wal.replace('00000C"', '00000C.lz4"') }, 'unknown'],
  ['a segment that is too short', { wal: wal.replace('00000001000000000000000C', '0C') }, 'unknown'],
  [
    'WAL that ends one segment of 1 MiB too early',
    { ...smallSegments, wal: wal.replace('00000001000000000000000C', '000000010000000000000060') },
    'walMissing',
  ],
  [
    'all WAL in segments of 1 MiB',
    { ...smallSegments, wal: wal.replace('00000001000000000000000C', '000000010000000000000061') },
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

const reasons: readonly (readonly [string, Partial<CatalogueAnswer>, string])[] = [
  ['storage that could not be read', { backups: undefined as never, error: 'ERROR: no' }, 'ERROR: no'],
  ['the same without a word', { backups: undefined as never }, 'the list could not be read'],
  [
    'a list without details',
    { plain: true },
    'details of 1 of 1 stored backups could not be read (base_000000010000000000000006)',
  ],
  [
    'the same with its error',
    { plain: true, error: 'ERROR: sentinel\nmore' },
    'details of 1 of 1 stored backups could not be read (base_000000010000000000000006): ERROR: sentinel more',
  ],
  ['WAL that could not be listed', { wal: undefined as never }, 'the stored WAL could not be listed'],
  ['the same with its error', { wal: undefined as never, error: 'ERROR: no' }, 'ERROR: no'],
  [
    'no start LSN',
    { backups: detail.replace('"start_lsn":100663336,', '') },
    'base_000000010000000000000006 is listed without the positions of its WAL',
  ],
  [
    'more segments waiting than are listed',
    { readyTotal: 20_001 },
    '20001 WAL segments wait to be archived, more than can be searched',
  ],
];

for (const [situation, shape, why] of reasons) {
  test(`${situation}: ${why}`, () => assert.deepEqual(prove(answer(shape), claim), { verdict: 'unknown', why }));
}

test('a list that is not as documented says where', () => {
  const proof = prove(answer({ backups: '{"backup_name":7}' }), claim);
  assert.match(proof.verdict === 'unknown' ? proof.why : '', /^wal-g's list is not as documented: .*expected array/);
});

test('what the oldest lists leave out: no times, no sizes, nobody', () => {
  const bare = { backup_name: 'base_000000010000000000000006' };
  const entry = {
    name: bare.backup_name,
    readable: false,
    storedAt: undefined,
    finishedAt: 0,
    startedAt: 0,
    startLSN: undefined,
    finishLSN: undefined,
    permanent: false,
    systemIdentifier: undefined,
    uncompressedSize: undefined,
    compressedSize: undefined,
    owner: undefined,
  };
  assert.deepEqual(parseCatalogue(answer({ backups: JSON.stringify([bare]) })), { known: true, entries: [entry] });
  const timed = { ...bare, time: '2022-01-02T06:00:00Z' };
  assert.deepEqual(parseCatalogue(answer({ backups: JSON.stringify([timed]) })), {
    known: true,
    entries: [{ ...entry, storedAt: timed.time, finishedAt: 1_641_103_200, startedAt: 1_641_103_200 }],
  });
});

test('1.1 prints nothing for an empty storage; the caller gives that as an empty list', () => {
  assert.deepEqual(parseCatalogue(answer({ backups: '[]' })), { known: true, entries: [] });
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

test('without a finish the first segment is the last that is known', () => {
  const segment = '000000010000000000000006';
  const range = segmentRange({ name: `base_${segment}`, startLSN: undefined, finishLSN: undefined });
  assert.deepEqual(range, [segment, segment]);
});

test('LSNs read as PostgreSQL writes them', () => {
  assert.equal(lsnText(undefined), undefined);
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
      const catalogue = parseCatalogue(answer({ backups: text }));
      assert.equal(typeof catalogue.known, 'boolean');
      assert.notEqual(prove(answer({ backups: text, wal: text }), claim).verdict, 'proved');
    }),
  );
});

const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const seconds = fc.integer({ min: 946_684_800, max: 4_102_444_800 });
const segments = fc.stringMatching(/^[0-9A-F]{24}$/);

/** Everything that wal-g says of one stored backup. */
const stored = fc.record({
  segment: segments,
  base: fc.option(segments, { nil: undefined, freq: 3 }),
  finish: seconds,
  lasted: fc.integer({ min: 0, max: 86_400 }),
  startLSN: uint64,
  finishLSN: uint64,
  permanent: fc.boolean(),
  systemIdentifier: uint64,
  size: fc.maxSafeNat(),
  owner: fc.option(
    fc.record(
      { uid: fc.uuid(), namespace: fc.string({ unit: 'grapheme' }), statefulSet: fc.string({ unit: 'grapheme' }) },
      { noNullPrototype: true },
    ),
  ),
});
type Stored = typeof stored extends fc.Arbitrary<infer T> ? T : never;

/** As 1.1 prints it, without a newline; 3.0 names the storage and ends the line. Both write 64-bit numbers as digits. */
function printed(backups: readonly Stored[], version: '1.1' | '3.0'): string {
  const entries = backups.map((each) => {
    const time = (at: number): string => JSON.stringify(new Date(at * 1000).toISOString().replace('.000Z', '.5Z'));
    const storage = version === '3.0' ? '"storage_name":"default",' : '';
    const user = each.owner === null ? 'null' : JSON.stringify({ aidboxops: each.owner });
    return (
      `{"backup_name":"${nameOf(each)}","time":${time(each.finish + 1)},"wal_file_name":"${each.segment}",${storage}` +
      `"start_time":${time(each.finish - each.lasted)},"finish_time":${time(each.finish)},"date_fmt":"%Y-%m-%dT%H:%M:%S.%fZ",` +
      `"hostname":"vm","data_dir":"/data","pg_version":140023,"start_lsn":${each.startLSN},"finish_lsn":${each.finishLSN},` +
      `"is_permanent":${each.permanent},"system_identifier":${each.systemIdentifier},"uncompressed_size":${each.size},` +
      `"compressed_size":${each.size},"user_data":${user}}`
    );
  });
  return version === '3.0' ? `[${entries.join(',')}]\n` : `[${entries.join(',')}]`;
}

function nameOf({ base, segment }: Stored): string {
  return base === undefined ? `base_${segment}` : `base_${segment}_D_${base}`;
}

test('whatever is stored, the lists of 1.1 and 3.0 say the same, to the last digit of 64 bits', () => {
  fc.assert(
    fc.property(fc.array(stored, { maxLength: 8 }), (backups) => {
      const want = backups.map((each) => ({
        name: nameOf(each),
        readable: true,
        storedAt: new Date((each.finish + 1) * 1000).toISOString().replace('.000Z', '.5Z'),
        finishedAt: each.finish,
        startedAt: each.finish - each.lasted,
        startLSN: String(each.startLSN),
        finishLSN: String(each.finishLSN),
        permanent: each.permanent,
        systemIdentifier: String(each.systemIdentifier),
        uncompressedSize: each.size,
        compressedSize: each.size,
        owner: each.owner ?? undefined,
      }));
      for (const version of ['1.1', '3.0'] as const) {
        const read = parseCatalogue(answer({ backups: printed(backups, version) }));
        assert.deepEqual(read, { known: true, entries: want });
      }
    }),
  );
});

test('a list that is cut anywhere is unknown, never shorter', () => {
  const cuts = fc.tuple(fc.array(stored, { minLength: 1, maxLength: 3 }), fc.double({ min: 0, max: 1, noNaN: true }));
  fc.assert(
    fc.property(cuts, ([backups, part]) => {
      const whole = printed(backups, '1.1');
      const cut = whole.slice(0, Math.floor((whole.length - 1) * part));
      assert.equal(parseCatalogue(answer({ backups: cut })).known, false);
    }),
  );
});

test('a position as text is the number in hexadecimal, two halves', () => {
  fc.assert(
    fc.property(uint64, (lsn) => {
      const [high = '', low = ''] = lsnText(String(lsn))?.split('/') ?? [];
      assert.equal((BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`), lsn);
      assert.match(`${high}/${low}`, /^(0|[1-9A-F][0-9A-F]{0,7})\/(0|[1-9A-F][0-9A-F]{0,7})$/);
    }),
  );
});

/** A backup is restorable when, and only when, each segment from its first to its last is there: counted one by one. */
test('proved is what has each of its segments stored, in every segment size that fits its name', () => {
  const situations = fc.record({
    first: fc.integer({ min: 1, max: 600 }),
    length: fc.integer({ min: 1, max: 600 }),
    offset: fc.integer({ min: 1, max: 1_000 }),
    storedFrom: fc.integer({ min: 0, max: 700 }),
    storedTo: fc.integer({ min: 0, max: 1_300 }),
    holes: fc.array(fc.integer({ min: 0, max: 1_300 }), { maxLength: 3 }),
    waiting: fc.array(fc.integer({ min: 0, max: 1_300 }), { maxLength: 3 }),
  });
  const segment = (at: number): string => {
    const hex = (value: number): string => value.toString(16).toUpperCase().padStart(8, '0');
    return `00000001${hex(Math.floor(at / 256))}${hex(at % 256)}`;
  };
  fc.assert(
    fc.property(situations, ({ first, length, offset, storedFrom, storedTo, holes, waiting }) => {
      const size = 16n * 1024n * 1024n;
      const [startLSN, finishLSN] = [BigInt(first) * size + 40n, BigInt(first + length) * size + BigInt(offset)];
      const backups = printed(
        [
          {
            segment: segment(first),
            base: undefined,
            finish: 1_640_995_200,
            lasted: 1,
            startLSN,
            finishLSN,
            permanent: false,
            systemIdentifier: 7711259327716174705n,
            size: 1,
            owner: claim,
          },
        ],
        '3.0',
      );
      const timeline = {
        id: 1,
        start_segment: segment(storedFrom),
        end_segment: segment(storedTo),
        missing_segments: holes.map(segment),
      };
      const ready = waiting.map(segment).toSorted();
      const proof = prove(answer({ backups, wal: JSON.stringify([timeline]), ready, readyTotal: ready.length }), claim);
      const needed = Array.from({ length: length + 1 }, (_, at) => first + at);
      const isThere = (at: number): boolean =>
        at >= storedFrom && at <= storedTo && !holes.includes(at) && !waiting.includes(at);
      assert.equal(proof.verdict, needed.every(isThere) ? 'proved' : 'walMissing');
      if (proof.verdict === 'walMissing') assert.ok(needed.map(segment).includes(proof.segment));
    }),
  );
});
