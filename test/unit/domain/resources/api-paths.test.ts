/** API paths, whatever the names in them hold. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { apiPathOf, path } from '../../../../functions/domain/resources/api-paths.ts';
import { aBackup } from '../../../support/situations/objects.ts';

test('whatever a name holds, it stays one segment of a path', () => {
  // No object is called `.` or `..`, and no hint either.
  const segments = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => text !== '.' && text !== '..');
  fc.assert(
    fc.property(segments, segments, (namespace, name) => {
      const whole = path.backup(namespace, name);
      const url = new URL(whole, 'https://localhost');
      assert.equal(`${url.pathname}${url.search}${url.hash}`, whole);
      assert.equal(whole.split('/').length, path.backup('a', 'b').split('/').length);
      assert.deepEqual(whole.split('/').slice(-3).map(decodeURIComponent), [namespace, 'pgbackups', name]);
    }),
  );
});

for (const [got, want] of [
  [path.managers('shop'), '/apis/aidbox.pg/v01/namespaces/shop/pgmanagers'],
  [path.managers(''), '/apis/aidbox.pg/v01/pgmanagers'],
  [path.manager('shop', 'a'), '/apis/aidbox.pg/v01/namespaces/shop/pgmanagers/a'],
  [path.backups(''), '/apis/aidbox.pg/v01/pgbackups'],
  [path.backup('shop', 'a'), '/apis/aidbox.pg/v01/namespaces/shop/pgbackups/a'],
  [path.timer('shop', 'a'), '/apis/sources.knative.dev/v1/namespaces/shop/pingsources/a'],
  [path.statefulSets('shop'), '/apis/apps/v1/namespaces/shop/statefulsets'],
  [path.statefulSet('shop', 'a'), '/apis/apps/v1/namespaces/shop/statefulsets/a'],
  [path.pods('a/b'), '/api/v1/namespaces/a%2Fb/pods'],
  [path.events('a/b'), '/api/v1/namespaces/a%2Fb/events'],
] as const) {
  test(`path ${want}`, () => assert.equal(got, want));
}

test('the path of a PgBackup', () => {
  assert.equal(apiPathOf(aBackup('a').build()), '/apis/aidbox.pg/v01/namespaces/shop/pgbackups/a');
});
