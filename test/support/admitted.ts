/** Objects that a CRD admits, made from its schema. Rules in CEL are left aside: they admit fewer. */
import fc from 'fast-check';
import type { Schema } from '../../tools/generate/crds.ts';

/** `whole` names, by the path of an object, the fields that are never left out of it. */
export type Whole = Readonly<Record<string, readonly string[]>>;

const integers = { int32: 2 ** 31 - 1, int64: 2 ** 63 - 1024 };
const longest = 24;

/** Returns values of a field that the API server stores. */
export function admitted(schema: Schema, whole: Whole = {}, path = ''): fc.Arbitrary<unknown> {
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  switch (schema.type) {
    case 'boolean':
      return fc.boolean();
    case 'integer':
      return integer(schema);
    case 'string':
      return text(schema);
    case 'array':
      return list(schema, whole, path);
    case 'object':
      return object(schema, whole, path);
  }
}

function list({ items, maxItems = 3 }: Schema, whole: Whole, path: string): fc.Arbitrary<unknown[]> {
  if (items === undefined) throw new Error(`the list ${path} has no items`);
  return fc.array(admitted(items, whole, `${path}[]`), { maxLength: Math.min(maxItems, 3) });
}

function integer({ minimum = 0, maximum, format }: Schema): fc.Arbitrary<number> {
  const max = maximum ?? integers[format === 'int64' ? 'int64' : 'int32'];
  return fc.oneof(fc.constantFrom(minimum, max), fc.integer({ min: minimum, max: Math.min(max, integers.int32) }));
}

function text({ format, pattern, maxLength = longest }: Schema): fc.Arbitrary<string> {
  if (format === 'date-time') return time();
  if (pattern !== undefined) {
    return fc.stringMatching(new RegExp(pattern)).filter((value) => value.length <= maxLength);
  }
  return fc.string({ unit: 'grapheme', maxLength: Math.min(maxLength, longest) });
}

/** RFC 3339, also with a fraction or an offset. */
function time(): fc.Arbitrary<string> {
  const seconds = fc.integer({ min: 0, max: 253_402_300_799 });
  return fc
    .tuple(seconds, fc.constantFrom('Z', '.5Z', '+02:00'))
    .map(([second, zone]) => new Date(second * 1000).toISOString().replace('.000Z', zone));
}

function object(schema: Schema, whole: Whole, path: string): fc.Arbitrary<object> {
  const fields = Object.entries(schema.properties ?? {}).map(([name, of]) => [
    name,
    admitted(of, whole, path === '' ? name : `${path}.${name}`),
  ]);
  const known = fc.record(Object.fromEntries(fields) as Record<string, fc.Arbitrary<unknown>>, {
    requiredKeys: [...(schema.required ?? []), ...(whole[path] ?? [])],
  });
  if (schema['x-kubernetes-preserve-unknown-fields'] !== true) return known;
  return fc
    .tuple(known, fc.boolean())
    .map(([fieldsOfToday, later]) => (later ? { ...fieldsOfToday, later } : fieldsOfToday));
}
