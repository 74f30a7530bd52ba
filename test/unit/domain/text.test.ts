/** Text for status: bounded, one line where one line is promised, and free of secrets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bounded, bytes, byteSize, oneLine, redact, wholeWords } from '../../../functions/domain/text.ts';

const secrets: readonly (readonly [name: string, given: string, want: string])[] = [
  ['credentials in a URL', 'PUT https://user:geheim@minio:9000/bucket', 'PUT https://user:***@minio:9000/bucket'],
  ['an AWS key id', 'key AKIAIOSFODNN7EXAMPLE is unknown', 'key *** is unknown'],
  ['a setting', 'AWS_SECRET_ACCESS_KEY=abc/def+1', 'AWS_SECRET_ACCESS_KEY=***'],
  ['a JSON field', '{"password": "a b", "user": "c"}', '{"password": ***, "user": "c"}'],
  ['a quoted setting', "PGPASSWORD='a b; c' psql", 'PGPASSWORD=*** psql'],
  [
    'JSON within a quoted message',
    String.raw`msg="{\"token\":\"a b\",\"x\":1}"`,
    String.raw`msg="{\"token\":***,\"x\":1}"`,
  ],
  ['a quote that is not closed', 'password="abc', 'password=***'],
  ['a connection string', 'host=db password=hunter2 user=x', 'host=db password=*** user=x'],
  ['a bearer header', 'Authorization: Bearer abc.def', 'Authorization: ***'],
  ['a JWT', 'token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIx.c2lnbmF0dXJl end', 'token *** end'],
  ['a signed URL', 'GET /b?X-Amz-Signature=0a1b2c&x=1', 'GET /b?X-Amz-Signature=***&x=1'],
  ['an encryption key', 'WALG_LIBSODIUM_KEY: 0011', 'WALG_LIBSODIUM_KEY: ***'],
  ['a temporary AWS key id', '(ASIAABCDEFGHIJKL)', '(***)'],
  ['several AWS key ids', 'AKIAABCDEFGHIJKL AKIAABCDEFGHIJK0', '*** ***'],
  ['a password without a user', 'redis://:geheim@cache:6379', 'redis://:***@cache:6379'],
  ['a password in a URL of a compound scheme', 'GIT+SSH.2-x://me:a:b/c@host', 'GIT+SSH.2-x://me:***@host'],
  ['several URLs', 'a://u:p@h b://u:q@h', 'a://u:***@h b://u:***@h'],
  ['a basic header', '"authorization": "Basic dTpw", "x": 1', '"authorization": "***", "x": 1'],
  ['a header without a scheme', "authorization = 'abc'; x", "authorization = '***'; x"],
  ['a header of some other scheme', 'Authorization:AWS4-HMAC-SHA256 x', 'Authorization:*** x'],
  ['a header with much space', 'Authorization  :  bearer   abc', 'Authorization  :  ***'],
  ['single quotes within a quoted message', String.raw`x='{\'token\':\'a b\'}'`, String.raw`x='{\'token\':***}'`],
  ['a value of several words in double quotes', 'secret : "a b" c', 'secret : *** c'],
  ['a value up to a comma', 'token=abc,x=1', 'token=***,x=1'],
  ['a value up to a semicolon', 'token=abc;x=1', 'token=***;x=1'],
  ['a JWT of its shortest', 'a eyJ12345678.12345678.1234 b', 'a *** b'],
  ['several JWTs', 'eyJ12345678.12345678.1234 eyJ12345678.12345678.5678', '*** ***'],
  ...[
    'password',
    'PASSWD',
    'passphrase',
    'client_secret',
    'token',
    'credential',
    'X-Amz-Credential',
    'signature',
    'apikey',
    'api_key',
    'api-key',
    'accesskey',
    'access_key',
    'access-key-id',
    'access_key_id',
    'accesskeyid',
    'privatekey',
    'private-key',
    'libsodiumkey',
    'libsodium-key',
  ].flatMap((key): [string, string, string][] => [
    [`the setting ${key}`, `${key}=abc x`, `${key}=*** x`],
    [`the field ${key}`, `"${key}" : "a b"`, `"${key}" : ***`],
  ]),
];

for (const [name, given, want] of secrets) {
  test(`${name} is hidden`, () => assert.equal(redact(given), want));
}

for (const text of [
  'wal-g ended with exit code 1',
  'base_000000010000000000000020 stored',
  'https://minio:9000/bucket',
  'the secret of good coffee',
  'NoSuchKey: base_05/tokens.json',
  'AKIAABCDEFG is too short',
  'within XAKIAABCDEFGHIJKL and AKIAABCDEFGHIJKLx',
  'mail to://a b:c@d',
  'eyJ1234567.12345678.1234',
  'eyJ12345678.1234567.1234',
  'eyJ12345678.12345678.123',
  'XeyJ12345678.12345678.1234',
  'authorization failed',
  'sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  'open /var/lib/postgresql/17/main/pgdata/Base16384/pg1: no such file',
  'key=base_05/basebackups: sign of life',
  '000000010000000000000020 to 000000010000000000000021',
]) {
  test(`"${text}" holds nothing to hide`, () => assert.equal(redact(text), text));
}

test('a text of any size is searched in little time', () => {
  const begin = process.cpuUsage();
  for (const text of [
    'a://'.repeat(50_000),
    'token='.repeat(50_000),
    'a:'.repeat(100_000),
    'eyJ'.repeat(100_000),
    'eyJaaaaaaaa-'.repeat(25_000),
    'aB3/'.repeat(100_000),
    'a://b?'.repeat(50_000),
    'abkey='.repeat(50_000),
    '-----BEGIN PRIVATE KEY-----'.repeat(1200),
  ])
    redact(text);
  assert.ok(process.cpuUsage(begin).user < 5_000_000);
});

test('one line: no control characters, at most 1 KiB, cut with an ellipsis', () => {
  assert.equal(oneLine('  a\r\n\tb\u0007c\u009b  '), 'a b c');
  assert.equal(oneLine('x'.repeat(1024)), 'x'.repeat(1024));
  assert.equal(oneLine('x'.repeat(1025)), `${'x'.repeat(1021)}…`);
});

test('whatever the text: a line stays a line within its limit, and hiding twice hides nothing more', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 3000 }), (text) => {
      const line = oneLine(text);
      assert.ok(bytes(line) <= 1024);
      assert.doesNotMatch(line, /[\u0000-\u001f\u007f-\u009f]/);
      assert.equal(redact(redact(text)), redact(text));
    }),
  );
});

test('a cut comes before a word, so that no half of a secret is left', () => {
  const secret = 's3://user:half-a-password@host/bucket';
  for (let limit = 10; limit < 60; limit += 1) {
    const shown = redact(wholeWords(`cannot reach ${secret} at all`, limit));
    assert.ok(!shown.includes('half'), `${limit}: ${shown}`);
    assert.ok(bytes(shown) <= limit + 3);
  }
  assert.equal(wholeWords('as it is', 8), 'as it is');
  assert.equal(wholeWords('one two', 6), 'one …');
  assert.equal(wholeWords('oneword', 6), '…');
});

test('a long text keeps head and tail, whole lines, and says what is missing', () => {
  const lines = Array.from({ length: 1000 }, (_, index) => `line ${index}`);
  const text = lines.join('\n');
  const short = bounded(text, 1000);
  assert.ok(bytes(short) <= 1000);
  const shown = short.split('\n');
  const gap = shown.findIndex((line) => line.startsWith('…'));
  assert.deepEqual(shown.slice(0, gap), lines.slice(0, gap));
  assert.deepEqual(shown.slice(gap + 1), lines.slice(1000 - (shown.length - gap - 1)));
  const kept = bytes(short) - bytes(`${shown[gap]}\n`);
  assert.equal(shown[gap], `… ${bytes(text) - kept} bytes left out …`);
});

test('a text of one long line is cut within it', () => {
  const short = bounded('x'.repeat(1000), 200);
  assert.equal(short, `${'x'.repeat(68)}\n… 864 bytes left out …\n${'x'.repeat(68)}`);
});

test('what just fits is left as it is', () => {
  const text = `${'x'.repeat(31)}\n`.repeat(1024);
  assert.equal(bounded(text), text, '32 KiB');
  assert.notEqual(bounded(`${text}x`), `${text}x`);
});

test('whatever the text and the limit: within the limit, untouched when it fits', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme', maxLength: 2000 }),
      fc.integer({ min: 200, max: 4000 }),
      (text, limit) => {
        const short = bounded(text, limit);
        assert.ok(bytes(short) <= Math.max(limit, 0));
        if (bytes(text) <= limit) assert.equal(short, text);
        assert.ok(!short.includes('\ufffd') || text.includes('\ufffd'));
      },
    ),
  );
});

for (const [size, want] of [
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1.0 KiB'],
  [1_500_000_000, '1.4 GiB'],
  [2 ** 50, '1.0 PiB'],
  [2 ** 61, '2048.0 PiB'],
] as const) {
  test(`${size} bytes are shown as ${want}`, () => assert.equal(byteSize(size), want));
}

/** A log with secrets in it, as settings, in URLs and in JSON, between lines of any characters. */
const planted = 'Qm9vLWZhci1iYXo';
const lines = fc.oneof(
  { weight: 6, arbitrary: fc.string({ unit: 'grapheme', maxLength: 400 }) },
  fc.constantFrom(
    `AWS_SECRET_ACCESS_KEY=${planted}`,
    `PUT https://user:${planted}@minio:9000/bucket failed`,
    `{"password":"${planted}","x":1}`,
    `Authorization: Bearer ${planted}`,
    `sslpassword='${planted}' host=db`,
  ),
);

test('I9 whatever surrounds a secret, it is not in what is shown, however short that is cut', () => {
  fc.assert(
    fc.property(fc.array(lines, { maxLength: 60 }), fc.integer({ min: 200, max: 4_000 }), (log, limit) => {
      const shown = bounded(redact(log.join('\n')), limit);
      assert.ok(!shown.includes(planted));
      assert.ok(bytes(shown) <= limit);
      assert.ok(!oneLine(log.join(' ')).includes(planted));
    }),
  );
});

test('a cut never halves a character of one to four bytes', () => {
  const characters = fc.string({ unit: fc.constantFrom('a', 'ä', '€', '😀', '\n'), minLength: 100, maxLength: 3_000 });
  fc.assert(
    fc.property(characters, fc.integer({ min: 128, max: 2_000 }), (text, limit) => {
      const shown = [bounded(text, limit), oneLine(text)];
      for (const each of shown) assert.equal(Buffer.from(each, 'utf8').toString('utf8').includes('\ufffd'), false);
      assert.ok(bytes(shown[0]!) <= limit);
    }),
  );
});

test('a stream of a hundred mebibytes is bounded without a copy for each line', () => {
  const text = `${'x'.repeat(1023)}\n`.repeat(100 * 1024);
  const shown = bounded(text);
  assert.ok(bytes(shown) <= 32 * 1024);
  assert.match(shown, /… \d{9} bytes left out …/);
});
