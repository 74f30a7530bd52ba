/** JSON whose integers do not fit a JavaScript number. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseLossless } from '../../../../functions/domain/catalogue/lossless-json.ts';

test('integers beyond 2^53 become their text, all else is as ever', () => {
  assert.deepEqual(
    parseLossless(
      '{"id":7711259327716174705,"max":18446744073709551615,"n":-9007199254740993,"small":42,"f":1.5,"e":1e21}',
    ),
    { id: '7711259327716174705', max: '18446744073709551615', n: '-9007199254740993', small: 42, f: 1.5, e: 1e21 },
  );
});

test('digits in a text are left alone', () => {
  assert.deepEqual(parseLossless('["7711259327716174705"]'), ['7711259327716174705']);
});

test('what is no JSON throws', () => {
  assert.throws(() => parseLossless('[1,'), SyntaxError);
});

test('every integer keeps its digits', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }), (value) => {
      const [parsed] = parseLossless(`[${value}]`) as unknown[];
      assert.equal(String(parsed), String(value));
      assert.equal(typeof parsed, Number.isSafeInteger(Number(value)) ? 'number' : 'string');
    }),
  );
});

test('every other document is what JSON.parse makes of it', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      const plain: unknown = JSON.parse(text);
      const hasLarge = JSON.stringify(plain).match(/-?\d{16,}/) !== null;
      if (!hasLarge) assert.deepEqual(parseLossless(text), plain);
    }),
  );
});
