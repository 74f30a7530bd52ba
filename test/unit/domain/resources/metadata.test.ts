/** What all objects have in common, and lists of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseEach } from '../../../../functions/domain/resources/metadata.ts';
import { PgBackup } from '../../../../functions/domain/resources/pg-backup.ts';
import { rfc3339 } from '../../../../functions/domain/time.ts';
import { aBackup, slot } from '../../../support/situations/objects.ts';

test('one object that is not understood stops none of its neighbours, and the caller is told', () => {
  const bad = { kind: 'PgBackup', metadata: { name: 'bad' } };
  const told: [unknown, string][] = [];
  const read = parseEach(PgBackup, [aBackup('a').object(), bad, aBackup('b').object()], (...each) => told.push(each));
  assert.deepEqual(
    read.map(({ metadata }) => metadata.name),
    ['a', 'b'],
  );
  assert.deepEqual(
    told.map(([item]) => item),
    [bad],
  );
  assert.match(told[0]![1], /metadata\.namespace/);
});

test('labels, annotations and the time of a deletion are read; without labels there are none', () => {
  const bare = aBackup().object()['metadata'] as object;
  const metadata = { ...bare, deletionTimestamp: rfc3339(slot), labels: { a: 'b' }, annotations: { c: 'd' } };
  const read = (of: object): object => PgBackup.parse({ ...aBackup().object(), metadata: of }).metadata;
  assert.deepEqual(read(metadata), metadata);
  assert.deepEqual(read(bare), { ...bare, labels: {}, annotations: {} });
});
