/** Whatever a CRD admits is understood, and no block of its status is lost. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PgBackup } from '../../../../functions/domain/resources/pg-backup.ts';
import { PgManager } from '../../../../functions/domain/resources/pg-manager.ts';
import { pgBackup, pgManager, type Definition } from '../../../../tools/generate/crds.ts';
import { admitted, type Whole } from '../../../support/admitted.ts';

const executor = ['pod', 'podUID', 'containerID', 'directory', 'deadline', 'timeoutSeconds', 'notAfter'];
const identity = ['host', 'ticks', 'boot', 'postmaster'];

/** Fields that the one writer of a block always writes; a block without one of them counts as absent. */
const wholeManager: Whole = {
  'status.schedule': ['at', 'suspended', 'since'],
  'status.schedule.missed': ['count'],
  'status.schedule.missed.last[]': ['first', 'count'],
  'status.conditions.backup.lastSuccess': ['name', 'uid', 'finishTime'],
  'status.conditions.backup.log[]': ['finishTime'],
  'status.conditions.rotation.running': ['id', 'startTime', 'executor'],
  'status.conditions.rotation.running.executor': [...executor, ...identity],
  'status.conditions.rotation.log[]': ['finishTime', 'startTime'],
  'status.conditions.rotation.planned': ['id', 'cut', 'names'],
};

const wholeBackup: Whole = {
  'status.backup': ['name'],
  'status.executor': [...executor, ...identity],
};

/** Objects as they are stored: the API server fills in `metadata`. */
function stored({ apiVersion, kind, schema }: Definition, whole: Whole): fc.Arbitrary<object> {
  const metadata = {
    name: 'a',
    namespace: 'shop',
    uid: 'uid-a',
    resourceVersion: '1',
    creationTimestamp: '2022-01-02T06:00:00Z',
  };
  return admitted(schema, whole).map((object) => ({ ...(object as object), apiVersion, kind, metadata }));
}

/** Lists the fields of `object` that `read` lacks or has otherwise; a field that no CRD has may be left out. */
function lost(object: unknown, read: unknown, path = ''): string[] {
  if (typeof object !== 'object' || object === null) return Object.is(object, read) ? [] : [path];
  return Object.entries(object)
    .filter(([name]) => name !== 'later')
    .flatMap(([name, value]) => lost(value, (read as Record<string, unknown> | undefined)?.[name], `${path}.${name}`));
}

for (const [definition, parser, whole] of [
  [pgManager, PgManager, wholeManager],
  [pgBackup, PgBackup, wholeBackup],
] as const) {
  test(`H57: no ${definition.kind} that its CRD admits is refused`, () => {
    fc.assert(
      fc.property(stored(definition, {}), (object) => {
        assert.equal(parser.safeParse(object).error, undefined);
      }),
    );
  });

  test(`every field of a ${definition.kind} is read as it is stored`, () => {
    fc.assert(
      fc.property(stored(definition, whole), (object) => {
        assert.deepEqual(lost(object, parser.parse(object)), []);
      }),
    );
  });
}
