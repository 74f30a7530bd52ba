/** What people may do: the aggregated roles. */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { mayDo } from '../../support/objects.ts';
import { openInCluster } from './open.ts';
import { apply, applyAs, kubectl } from './target.ts';

describe('roles', () => {
  before(async () => {
    await openInCluster('team');
    await apply(binding('ada', 'admin'), binding('vera', 'view'));
  });

  test('an admin of a namespace creates PgManagers and PgBackups there, but may not write their status', async () => {
    const spec = { selector: { name: 'none' }, backup: { numberToRetain: 1, at: '00:00:00', suspend: true } };
    const metadata = { name: 'of-ada', namespace: 'team' };
    await applyAs('ada', { apiVersion: 'aidbox.pg/v01', kind: 'PgManager', metadata, spec });
    assert.equal(await may('ada', 'create', 'pgbackups.aidbox.pg'), 'yes');
    assert.equal(await may('ada', 'update', 'pgmanagers.aidbox.pg', '--subresource=status'), 'no');
    assert.equal(await may('ada', 'create', 'pgmanagers.aidbox.pg', '-n', 'default'), 'no');
  });

  test('somebody who may view a namespace may read them, and no more', async () => {
    assert.equal(await may('vera', 'get', 'pgbackups.aidbox.pg'), 'yes');
    assert.equal(await may('vera', 'create', 'pgbackups.aidbox.pg'), 'no');
  });
});

function binding(user: string, role: string): object {
  const apiGroup = 'rbac.authorization.k8s.io';
  return {
    apiVersion: `${apiGroup}/v1`,
    kind: 'RoleBinding',
    metadata: { name: user, namespace: 'team' },
    roleRef: { apiGroup, kind: 'ClusterRole', name: role },
    subjects: [{ apiGroup, kind: 'User', name: user }],
  };
}

function may(user: string, verb: string, resource: string, ...more: string[]): Promise<string> {
  return mayDo({ kubectl }, user, verb, resource, '-n', 'team', ...more);
}
