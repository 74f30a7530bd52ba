/** Where events point, and that anything else points nowhere. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { eventTargetOf, pageTokenOf } from '../../../../functions/domain/events/event-target.ts';
import { aBackup, aManager, slot } from '../../../support/situations/objects.ts';

function event(data: unknown): { type: string; id: string; data: unknown } {
  return { type: 'test', id: 'e-1', data };
}

test('an object that the event carries', () => {
  assert.deepEqual(eventTargetOf(event(aManager().object())), {
    namespace: 'shop',
    name: 'pg-manager',
    statefulSet: 'postgres',
    state: undefined,
  });
  assert.deepEqual(eventTargetOf(event(aBackup().of('other').object()))?.statefulSet, 'other');
  assert.deepEqual(eventTargetOf(event(aBackup().succeeded(slot).object()))?.state, 'success');
  assert.deepEqual(eventTargetOf(event({ ...aBackup().object(), status: 'forged' }))?.name, 'manual-1');
});

test('a pointer, with the StatefulSet or without', () => {
  assert.deepEqual(eventTargetOf(event({ namespace: 'shop', name: 'a' })), { namespace: 'shop', name: 'a' });
  assert.deepEqual(eventTargetOf(event({ namespace: 'shop', name: 'a', statefulSet: 'b', purpose: 'backup' })), {
    namespace: 'shop',
    name: 'a',
    statefulSet: 'b',
  });
  const longest = { namespace: 'shop', name: 'a'.repeat(253) };
  assert.deepEqual(eventTargetOf(event(longest)), longest);
});

for (const [name, data] of [
  ['nothing', undefined],
  ['null', null],
  ['text', 'shop/pg-manager'],
  ['a list', [{ namespace: 'shop', name: 'a' }]],
  ['a name that is a path', { namespace: 'shop', name: '../secrets' }],
  ['an empty name', { namespace: 'shop', name: '' }],
  ['a name in capitals', { namespace: 'shop', name: 'A' }],
  ['a name with a line end', { namespace: 'shop', name: 'a\n' }],
  ['a huge name', { namespace: 'shop', name: 'a'.repeat(254) }],
  ['a name with something before it', { namespace: 'shop', name: '-a' }],
  ['a name with something behind it', { namespace: 'shop', name: 'a-' }],
  ['no namespace', { name: 'a' }],
  ['another kind', { kind: 'Secret', metadata: { name: 'a', namespace: 'shop' }, spec: {} }],
  ['an object without selector', { kind: 'PgManager', metadata: { name: 'a', namespace: 'shop' } }],
] as const) {
  test(`H64 ${name} points nowhere`, () => assert.equal(eventTargetOf(event(data)), undefined));
}

const page = { tick: 't-1', page: 2, kind: 'PgManager', continue: '', started: '2022-01-02T06:00:00Z' };

test('a page', () => {
  assert.deepEqual(pageTokenOf(event(page)), page);
  const last = { ...page, kind: 'PgBackup', page: 100_000, tick: 'x'.repeat(300), continue: 'x'.repeat(16_384) };
  assert.deepEqual(pageTokenOf(event(last)), last);
  assert.deepEqual(pageTokenOf(event({ ...page, later: 'release' })), page, 'what a later release adds is left out');
});

for (const [name, change] of [
  ['number zero', { page: 0 }],
  ['a fraction', { page: 1.5 }],
  ['an absurd number', { page: 100_001 }],
  ['another kind', { kind: 'Secret' }],
  ['a huge token', { continue: 'x'.repeat(16_385) }],
  ['a huge tick', { tick: 'x'.repeat(301) }],
  ['a huge start', { started: 'x'.repeat(65) }],
  ['no start', { started: undefined }],
] as const) {
  test(`H64 a page with ${name} is none`, () => assert.equal(pageTokenOf(event({ ...page, ...change })), undefined));
}

test('H64 no data whatever makes it throw, and what it points to could be a name', () => {
  fc.assert(
    fc.property(fc.anything(), (data) => {
      const hint = eventTargetOf(event(data));
      if (hint !== undefined) assert.match(hint.name, /^[a-z0-9][-a-z0-9.]*$/);
      pageTokenOf(event(data));
    }),
  );
});
