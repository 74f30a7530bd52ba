/** What keeps us from working in a pod, in the words that a person reads. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { databaseDown, forbiddenText, obstacleFailure } from '../../../../functions/domain/run/obstacles.ts';
import type { PodObstacle } from '../../../../functions/domain/run/protocol.ts';
import { identity } from '../../../support/situations/pod.ts';

for (const [name, message, want] of [
  [
    'no exec',
    'pods "postgres-0" is forbidden: User "system:serviceaccount:aidboxops:backup" cannot create resource "pods/exec" in API group "" in the namespace "shop"',
    'ServiceAccount aidboxops/backup may not "create" pods/exec in namespace shop. Apply the roles of eventing again (docs/reference/rbac.md). Check: kubectl auth can-i create pods --subresource=exec -n shop --as system:serviceaccount:aidboxops:backup',
  ],
  [
    'a refusal in other words',
    'admission webhook denied the request',
    'ServiceAccount of this function may not "get" pods/exec in namespace shop. Apply the roles of eventing again (docs/reference/rbac.md). Check: kubectl auth can-i get pods --subresource=exec -n shop',
  ],
] as const) {
  test(`${name}: account and verb`, () => assert.equal(forbiddenText(message, 'shop'), want));
}

const cases: readonly (readonly [PodObstacle['kind'], detail: string, kind: string, text: string])[] = [
  [
    'DirectoryNotCreatable',
    'uid 1001 cannot create /PgBackup: Permission denied',
    'NoPodAccess',
    'uid 1001 cannot create /PgBackup in postgres-0. Mount a volume there or set spec.backup.directory.',
  ],
  [
    'DirectoryNotCreatable',
    'mkdir as uid 1001: Read-only file system',
    'NoPodAccess',
    'the database user cannot create /PgBackup in postgres-0. Mount a volume there or set spec.backup.directory.',
  ],
  [
    'DirectoryFull',
    'no space left in /PgBackup',
    'NoPodAccess',
    'no space is left in /PgBackup of postgres-0. Make room there or set spec.backup.directory.',
  ],
  [
    'WrongUser',
    'exec runs as uid 1000, the data directory is of uid 999',
    'NoPodAccess',
    'in postgres-0 exec runs as uid 1000, the data directory is of uid 999. wal-g must run as the owner of the data directory: run the container as that user, or as root with setpriv, gosu or su-exec.',
  ],
  ['MissingTool', 'there is no flock', 'NoPodAccess', 'in postgres-0 there is no flock. Use an image that has it.'],
  [
    'NoDataDirectory',
    'no data directory is found',
    'NoPodAccess',
    "in postgres-0 no data directory is found. Set PGDATA in the container's environment.",
  ],
  ['NoWalg', 'there is no wal-g', 'WalgError', 'in postgres-0 there is no wal-g. Use an image with wal-g on its PATH.'],
];

for (const [kind, detail, wantKind, wantText] of cases) {
  test(`${kind}: ${detail}`, () =>
    assert.deepEqual(obstacleFailure('postgres-0', { kind, detail }, '/PgBackup'), { kind: wantKind, text: wantText }));
}

for (const [name, given, want] of [
  ['up', { identity, stopping: false }, undefined],
  ['shutting down', { identity, stopping: true }, 'PostgreSQL is shutting down'],
  ['not up', { identity: { ...identity, postmaster: '' }, stopping: false }, 'PostgreSQL is not up'],
] as const) {
  test(`PostgreSQL is ${name}`, () => assert.equal(databaseDown(given), want));
}
