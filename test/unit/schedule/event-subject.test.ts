/** Which object an event names. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventSubjectOf, type EventSubject } from '../../../functions/schedule/event-subject.ts';

const manager: EventSubject = { kind: 'PgManager', namespace: 'shop', name: 'a' };
const backup: EventSubject = { kind: 'PgBackup', namespace: 'shop', name: 'a' };

const cases: readonly (readonly [name: string, event: Record<string, string>, want: EventSubject | undefined])[] = [
  ['the slot timer', { pgpurpose: 'slot', pgnamespace: 'shop', pgname: 'a' }, manager],
  ['the rotation timer', { pgpurpose: 'rotation', pgnamespace: 'shop', pgname: 'a' }, manager],
  ['the observe timer', { pgpurpose: 'backup', pgnamespace: 'shop', pgname: 'a' }, backup],
  ['a PgManager of ApiServerSource', { subject: '/apis/aidbox.pg/v01/namespaces/shop/pgmanagers/a' }, manager],
  ['a PgBackup of ApiServerSource', { subject: '/apis/aidbox.pg/v01/namespaces/shop/pgbackups/a' }, backup],
  ['our own subject of a PgManager', { subject: 'pgmanager/shop/a' }, manager],
  ['our own subject of a PgBackup', { subject: 'pgbackup/shop/a' }, backup],
  [
    'names of several letters',
    { subject: '/apis/aidbox.pg/v01/namespaces/shop/pgmanagers/pg-manager' },
    { ...manager, name: 'pg-manager' },
  ],
  ['our own, of several letters', { subject: 'pgbackup/shop/manual-1' }, { ...backup, name: 'manual-1' }],
  [
    'names as long as they may be',
    { subject: `pgbackup/shop/${'a'.repeat(253)}` },
    { ...backup, name: 'a'.repeat(253) },
  ],
  ['a path with something before it', { subject: '/x/apis/aidbox.pg/v01/namespaces/shop/pgbackups/a' }, undefined],
  ['our own with something before it', { subject: 'x/pgbackup/shop/a' }, undefined],
  [
    'a path of ApiServerSource that goes on',
    { subject: '/apis/aidbox.pg/v01/namespaces/shop/pgbackups/a/status' },
    undefined,
  ],
  ['a timer with a huge name', { pgpurpose: 'slot', pgnamespace: 'shop', pgname: 'a'.repeat(254) }, undefined],
  ['a timer with a huge namespace', { pgpurpose: 'slot', pgnamespace: 'a'.repeat(254), pgname: 'a' }, undefined],
  ['the sweep timer', { pgpurpose: 'sweep' }, undefined],
  ['a page', { subject: 'sweep/PgManager/2' }, undefined],
  ['another kind', { subject: '/apis/aidbox.pg/v01/namespaces/shop/secrets/a' }, undefined],
  ['another group', { subject: '/apis/apps/v1/namespaces/shop/pgbackups/a' }, undefined],
  ['a path that goes on', { subject: 'pgbackup/shop/a/b' }, undefined],
  ['a huge name', { subject: `pgbackup/shop/${'a'.repeat(254)}` }, undefined],
  ['no subject', {}, undefined],
];

for (const [name, event, want] of cases) {
  test(`${name} names ${want === undefined ? 'nothing' : `a ${want.kind}`}`, () =>
    assert.deepEqual(eventSubjectOf(event), want));
}
