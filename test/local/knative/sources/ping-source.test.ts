/** Status, finalizer, schedule and faults; the events themselves are compared with Knative's adapter (test/contract/knative.test.ts). */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { makeEvent, type CarriedEvent } from '../../../../local/knative/core/events.ts';
import { listen } from '../../../../local/knative/core/http.ts';
import type { EventSummary } from '../../../../local/knative/core/trace.ts';
import { sendFromSource } from '../../../../local/knative/sources/source-sender.ts';
import { startCluster, type TestCluster } from '../support/cluster.ts';
import { testContext } from '../support/context.ts';
import { broker, namespace, pingSource } from '../support/manifests.ts';
import { eventually } from '../../../support/eventually.ts';

let cluster: TestCluster;
before(async () => {
  cluster = await startCluster();
  for (const manifest of [namespace('ops'), namespace('db'), broker]) await cluster.apply(manifest);
});
after(() => cluster.stop());

function accepted(source: string): EventSummary[] {
  return cluster.trace.flatMap((one) => (one.kind === 'event' && one.event.source === source ? [one.event] : []));
}

interface Meta {
  readonly metadata: { readonly finalizers?: readonly string[] };
  readonly status: { readonly sinkUri?: string };
}

test('holds a finalizer, says where it sends, and writes nothing when nothing changes', async () => {
  const manifest = pingSource('yearly', 'db', { schedule: '@yearly' });
  await cluster.apply(manifest);
  await cluster.untilReady(manifest);
  const first = (await cluster.read(manifest)) as unknown as Meta;
  assert.deepEqual(first.metadata.finalizers, ['pingsources.sources.knative.dev']);
  assert.equal(first.status.sinkUri, cluster.eventing.brokerUrl);
  const other = pingSource('other', 'db', { schedule: '@yearly' });
  await cluster.apply(other);
  await cluster.untilReady(other);
  assert.deepEqual(await cluster.read(manifest), first);
});

test('is not ready while its sink does not exist, and becomes so with it', async () => {
  const late = { ...broker, metadata: { ...broker.metadata, name: 'late' } };
  const manifest = pingSource('early', 'db', {
    schedule: '@yearly',
    sink: { ref: { apiVersion: 'eventing.knative.dev/v1', kind: 'Broker', name: 'late', namespace: 'ops' } },
  });
  await cluster.apply(manifest);
  assert.equal(await cluster.untilReady(manifest, 'False'), 'SinkNotFound');
  await cluster.apply(late);
  assert.equal(await cluster.untilReady(manifest), 'Ready');
});

test('fires until it is really gone, and not after', async () => {
  const other = 'tests.example.com/hold';
  const manifest = pingSource('held', 'db', { schedule: '* * * * * *' });
  const held = { ...manifest, metadata: { ...manifest.metadata, finalizers: [other] } };
  await cluster.apply(held);
  const source = '/apis/v1/namespaces/db/pingsources/held';
  await eventually('a tick', () => accepted(source).length > 0);
  await cluster.remove(manifest);
  await eventually('our finalizer to go', async () => {
    const { metadata } = (await cluster.read(manifest)) as unknown as Meta;
    return metadata.finalizers?.length === 1 && metadata.finalizers[0] === other;
  });
  const before = accepted(source).length;
  await eventually('ticks of an object that hangs in its deletion', () => accepted(source).length >= before + 2);
  await cluster.apply({ ...manifest, metadata: { ...manifest.metadata, finalizers: [] } });
  await eventually('the end', async () => (await cluster.read(manifest)) === undefined);
  const marker = pingSource('marker', 'db', { schedule: '* * * * * *' });
  await cluster.apply(marker);
  const markers = '/apis/v1/namespaces/db/pingsources/marker';
  await eventually('a tick of another', () => accepted(markers).length >= 1);
  const atEnd = accepted(source).length;
  await eventually('three more', () => accepted(markers).length >= 4);
  assert.equal(accepted(source).length, atEnd);
});

test('a changed schedule replaces the old one', async () => {
  const manifest = pingSource('changing', 'db', { schedule: '@yearly' });
  await cluster.apply(manifest);
  await cluster.untilReady(manifest);
  await cluster.apply(pingSource('changing', 'db', { schedule: '* * * * * *' }));
  await eventually('a tick', () => accepted('/apis/v1/namespaces/db/pingsources/changing').length > 0);
});

test('a source whose adapter is down sends nothing and says nothing', async () => {
  const asked: unknown[] = [];
  const sink = await listen((request, response) => {
    asked.push(request.headers['ce-source']);
    response.writeHead(204).end();
  });
  const faults = { losesFromSource: (event: CarriedEvent): boolean => event.attributes['source'] === '/down' };
  const { trace, context } = testContext({ faults });
  for (const source of ['/down', '/up']) {
    const event = makeEvent({ type: 't', source, extensions: {}, data: Buffer.alloc(0) });
    await sendFromSource(context, sink.url, event);
  }
  await sink.close();
  assert.deepEqual(asked, ['/up']);
  assert.deepEqual(trace, []);
});
