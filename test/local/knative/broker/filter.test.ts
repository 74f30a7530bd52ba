import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wants } from '../../../../local/knative/broker/filter.ts';
import type { Trigger, TriggerFilter } from '../../../../local/knative/core/objects.ts';

const event = { type: 'dev.knative.sources.ping', source: '/a/b', id: '1', specversion: '1.0', pgpurpose: 'slot' };

const legacy: readonly { name: string; attributes: Record<string, string> | undefined; want: boolean }[] = [
  { name: 'no filter wants everything', attributes: undefined, want: true },
  { name: 'an empty filter wants everything', attributes: {}, want: true },
  { name: 'an equal attribute', attributes: { type: 'dev.knative.sources.ping' }, want: true },
  { name: 'a prefix is not enough', attributes: { type: 'dev.knative' }, want: false },
  { name: 'all attributes count', attributes: { type: event.type, pgpurpose: 'slot' }, want: true },
  { name: 'one of two differs', attributes: { type: event.type, pgpurpose: 'probe' }, want: false },
  { name: 'empty text: present', attributes: { pgpurpose: '' }, want: true },
  { name: 'empty text, but absent', attributes: { kind: '' }, want: false },
  { name: 'absent', attributes: { kind: 'PgManager' }, want: false },
];

for (const { name, attributes, want } of legacy) {
  test(`filter: ${name}`, () => assert.equal(wants(spec(attributes), event), want));
}

const dialects: readonly { name: string; filters: readonly TriggerFilter[]; want: boolean }[] = [
  { name: 'exact', filters: [{ exact: { pgpurpose: 'slot' } }], want: true },
  { name: 'exact, absent', filters: [{ exact: { kind: 'x' } }], want: false },
  { name: 'prefix', filters: [{ prefix: { type: 'dev.knative.' } }], want: true },
  { name: 'a list is an AND', filters: [{ prefix: { type: 'dev.' } }, { exact: { pgpurpose: 'x' } }], want: false },
  { name: 'any', filters: [{ any: [{ exact: { id: '2' } }, { exact: { pgpurpose: 'slot' } }] }], want: true },
  { name: 'any, none', filters: [{ any: [{ exact: { id: '2' } }] }], want: false },
  { name: 'a dialect that is not understood', filters: [{ cesql: 'TRUE' } as TriggerFilter], want: false },
];

for (const { name, filters, want } of dialects) {
  // A filter beside them that would match nothing: `filters` replaces it.
  test(`filters: ${name}`, () => assert.equal(wants({ ...spec({ type: 'other' }), filters }, event), want));
}

test('an empty list of filters does not replace the filter', () => {
  assert.equal(wants({ ...spec({ type: 'other' }), filters: [] }, event), false);
});

function spec(attributes: Record<string, string> | undefined): Trigger['spec'] {
  return {
    broker: 'default',
    subscriber: { uri: 'http://x' },
    ...(attributes === undefined ? {} : { filter: { attributes } }),
  };
}
