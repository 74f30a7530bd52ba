import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { EventSummary } from '../../../local/eventing/observation.ts';
import { startCluster, type TestCluster } from './support/cluster.ts';
import { broker, namespace, pingSource } from './support/manifests.ts';
import { until } from './support/until.ts';

let cluster: TestCluster;
before(async () => {
  cluster = await startCluster();
  for (const manifest of [namespace('ops'), namespace('db'), broker]) await cluster.apply(manifest);
});
after(() => cluster.stop());

function accepted(source: string): EventSummary[] {
  return cluster.observed.flatMap((one) => (one.kind === 'event' && one.event.source === source ? [one.event] : []));
}

test('fires into the Broker of another namespace with the attributes of Knative', async () => {
  const manifest = pingSource('every-second', 'db', {
    schedule: '* * * * * *',
    timezone: 'UTC',
    contentType: 'application/json',
    data: '{"a":1}',
    ceOverrides: { extensions: { pgpurpose: 'slot', pgname: 'm' } },
  });
  await cluster.apply(manifest);
  await cluster.untilReady(manifest);
  const source = '/apis/v1/namespaces/db/pingsources/every-second';
  const [first, second] = await until('two ticks', () => accepted(source).length >= 2 && accepted(source));
  assert.equal(first?.type, 'dev.knative.sources.ping');
  assert.equal(first.subject, undefined);
  assert.deepEqual(first.extensions, { pgpurpose: 'slot', pgname: 'm' });
  assert.notEqual(first.id, second?.id);
});
