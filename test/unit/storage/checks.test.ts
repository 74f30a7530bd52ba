/** Finding → verdict. The first check that hits is the message. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Finding } from '../../../functions/storage/finding.ts';
import { judge, type Verdict } from '../../../functions/storage/checks.ts';
import { found, foundNobody, subject, writeFails } from '../../support/situations/storage.ts';

const forbidden =
  'pods "postgres-0" is forbidden: User "system:serviceaccount:aidboxops:storage" cannot get resource "pods/exec" in API group "" in the namespace "shop"';

const cases: Readonly<Record<string, { readonly given: Finding; readonly want: Verdict }>> = {
  'both checks pass': { given: found(), want: { kind: 'ok', fact: 'ok' } },
  'no such StatefulSet': {
    given: {
      subject,
      location: {
        found: 'never',
        problem: { kind: 'NoPodAccess', text: 'namespace shop has no StatefulSet "postgres"' },
      },
    },
    want: { kind: 'broken', fact: 'NoPodAccess: namespace shop has no StatefulSet "postgres"' },
  },
  'pod not ready': {
    given: { subject, location: { found: 'notReady', pod: 'postgres-0', state: 'Pending: Insufficient memory' } },
    want: { kind: 'unknown', fact: 'pod postgres-0 is not ready', detail: 'Pending: Insufficient memory' },
  },
  'exec forbidden': {
    given: foundNobody('forbidden', forbidden),
    want: {
      kind: 'broken',
      fact: 'NoPodAccess: ServiceAccount aidboxops/storage may not "get" pods/exec in namespace shop. Apply the roles of eventing again (docs/reference/rbac.md). Check: kubectl auth can-i get pods --subresource=exec -n shop --as system:serviceaccount:aidboxops:storage',
    },
  },
  'container restarting': {
    given: foundNobody('transient', 'container not found ("postgres")'),
    want: { kind: 'unknown', fact: 'no answer from pod postgres-0', detail: 'container not found ("postgres")' },
  },
  'no wal-g comes before a failed check': {
    given: found({ obstacle: { kind: 'NoWalg', detail: 'there is no wal-g' }, ...writeFails() }),
    want: { kind: 'broken', fact: 'WalgError: in postgres-0 there is no wal-g. Use an image with wal-g on its PATH.' },
  },
  'directory cannot be made': {
    given: found({ obstacle: { kind: 'DirectoryNotCreatable', detail: 'uid 1001: /PgBackup' } }),
    want: {
      kind: 'broken',
      fact: 'NoPodAccess: uid 1001 cannot create /PgBackup in postgres-0. Mount a volume there or set spec.backup.directory.',
    },
  },
  'read fails, write was left out': {
    given: found({ read: { outcome: 'failed', detail: 'AccessDenied' }, write: { outcome: 'skipped', detail: '' } }),
    want: { kind: 'failed', fact: 'read check', detail: 'AccessDenied' },
  },
  'write fails although archive_mode is off as well': {
    given: found({ ...writeFails(), archiveMode: 'off' }),
    want: { kind: 'failed', fact: 'write check', detail: 'NoSuchBucket' },
  },
  'H49 S3 hangs and was ended inside the pod': {
    given: found({ write: { outcome: 'timeout', detail: '' } }),
    want: { kind: 'failed', fact: 'write check', detail: 'no answer in time' },
  },
  'a failed check that printed nothing': {
    given: found({ read: { outcome: 'failed', detail: '' } }),
    want: { kind: 'failed', fact: 'read check', detail: 'failed' },
  },
  'an answer without checks proves nothing': {
    given: found({ read: { outcome: 'skipped', detail: '' }, write: { outcome: 'skipped', detail: '' } }),
    want: { kind: 'unknown', fact: 'pod postgres-0 did not check storage' },
  },
  'archive_mode off': {
    given: found({ archiveMode: 'off' }),
    want: {
      kind: 'warning',
      fact: 'archive_mode is off: no backup can be restored without archived WAL. Set archive_mode = on and archive_command, then restart PostgreSQL.',
    },
  },
  'archive_mode that psql could not read is left open': {
    given: found({ archiveMode: '' }),
    want: { kind: 'ok', fact: 'ok' },
  },
  'ready, but no place to ask': {
    given: { subject, location: { found: 'ready', containers: [] } },
    want: { kind: 'unknown', fact: 'no pod was asked' },
  },
};

for (const [name, { given, want }] of Object.entries(cases)) {
  test(`${want.kind}: ${name}`, () => assert.deepEqual(judge(given), want));
}
