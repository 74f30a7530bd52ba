/** Whole manifests, as they are sent. (That of a PgBackup is with the schedule's decisions, which alone make one.) */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { buildKubernetesEvent } from '../../../../functions/domain/commands/kubernetes-event.ts';
import { buildPingSource } from '../../../../functions/domain/commands/ping-source.ts';
import { backupTimer, rotationTimer } from '../../../../functions/domain/commands/run-timers.ts';
import { aBackup, aManager, slot } from '../../../support/situations/objects.ts';
import { subdomain } from '../../../support/subdomain.ts';

test('the timer of a PgBackup, in its namespace, owned by it, into the Broker', () => {
  const command = backupTimer(aBackup().of('db').build());
  assert.ok(command.type === 'applyTimer');
  assert.deepEqual(buildPingSource(command.timer), {
    apiVersion: 'sources.knative.dev/v1',
    kind: 'PingSource',
    metadata: {
      name: 'aidboxops-backup-uid-manual-1',
      namespace: 'shop',
      labels: { 'app.kubernetes.io/managed-by': 'aidboxops' },
      ownerReferences: [{ apiVersion: 'aidbox.pg/v01', kind: 'PgBackup', name: 'manual-1', uid: 'uid-manual-1' }],
    },
    spec: {
      schedule: '19,49 * * * * *',
      timezone: 'UTC',
      contentType: 'application/json',
      data: '{"namespace":"shop","name":"manual-1","statefulSet":"db"}',
      ceOverrides: { extensions: { pgpurpose: 'backup', pgnamespace: 'shop', pgname: 'manual-1' } },
      sink: {
        ref: { apiVersion: 'eventing.knative.dev/v1', kind: 'Broker', name: 'aidboxops', namespace: 'aidboxops' },
      },
    },
  });
});

test('the timer of a rotation goes by the success that it serves', () => {
  const at = (finishTime: string | undefined): unknown => {
    const command = rotationTimer(aManager().build(), finishTime);
    assert.ok(command.type === 'applyTimer');
    const { purpose, owner, schedule } = command.timer;
    return [purpose, owner.kind, owner.name, schedule];
  };
  assert.deepEqual(at('2022-01-02T06:00:00Z'), ['rotation', 'PgManager', 'pg-manager', '23,53 * * * * *']);
  assert.deepEqual(at('2022-01-02T06:00:07Z'), ['rotation', 'PgManager', 'pg-manager', '0,30 * * * * *']);
  assert.deepEqual(at(undefined), at('1970-01-01T00:00:00Z'));
});

test('an Event of Kubernetes: one line, its name lower-case, both of its times the same', () => {
  const event = buildKubernetesEvent({
    object: { kind: 'PgBackup', name: 'manual-1', namespace: 'shop', uid: 'UID-1' },
    transition: 'failed',
    type: 'Warning',
    reason: 'WalgError',
    message: 'WalgError: exit code 1\n  the log',
    time: slot,
    reporter: 'backup',
  });
  assert.deepEqual(event, {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: 'aidboxops-uid-1-failed', namespace: 'shop' },
    involvedObject: {
      apiVersion: 'aidbox.pg/v01',
      kind: 'PgBackup',
      name: 'manual-1',
      namespace: 'shop',
      uid: 'UID-1',
    },
    type: 'Warning',
    reason: 'WalgError',
    message: 'WalgError: exit code 1',
    source: { component: 'aidboxops-backup' },
    reportingComponent: 'aidboxops-backup',
    firstTimestamp: '2022-01-02T06:00:00Z',
    lastTimestamp: '2022-01-02T06:00:00Z',
    count: 1,
  });
});

test('an Event of Kubernetes has the name of an object, and one transition one name', () => {
  const transitions = fc.constantFrom('started', 'succeeded', 'failed', 'missed-1640995200', 'cursor-1640995200');
  const objects = fc.record({
    kind: fc.constantFrom('PgManager' as const, 'PgBackup' as const),
    namespace: fc.constant('shop'),
    name: fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,238}[a-z0-9])?$/),
    uid: fc.uuid(),
  });
  fc.assert(
    fc.property(objects, transitions, transitions, fc.integer({ min: 0, max: 4e9 }), (object, one, other, time) => {
      const build = (transition: string): string => {
        const event = buildKubernetesEvent({
          object,
          transition,
          type: 'Normal',
          reason: 'Tested',
          message: 'm'.repeat(5000),
          time,
          reporter: 'backup',
        }) as unknown as { metadata: { name: string }; message: string };
        assert.ok(Buffer.byteLength(event.message) <= 1024);
        return event.metadata.name;
      };
      assert.match(build(one), subdomain);
      assert.ok(build(one).length <= 253);
      assert.equal(build(one) === build(other), one === other);
    }),
  );
});
