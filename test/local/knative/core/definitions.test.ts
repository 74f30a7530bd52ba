import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { requestError } from '../../../../functions/domain/request-error.ts';
import { startCluster, type Manifest, type TestCluster } from '../support/cluster.ts';
import { broker, brokerRef, namespace, pingSource, service, trigger } from '../support/manifests.ts';

let cluster: TestCluster;
before(async () => {
  cluster = await startCluster();
  await cluster.apply(namespace('ops'));
});
after(() => cluster.stop());

function ping(spec: Record<string, unknown>): Manifest {
  return pingSource('p', 'ops', spec);
}

function source(kind: string, spec: Record<string, unknown>): Manifest {
  return { apiVersion: 'sources.knative.dev/v1', kind, metadata: { name: 's', namespace: 'ops' }, spec };
}

function withWindow(window: string): Manifest {
  const manifest = service('s', {});
  const { template } = manifest['spec'] as { template: object };
  const metadata = { annotations: { 'autoscaling.knative.dev/window': window } };
  return { ...manifest, spec: { template: { ...template, metadata } } };
}

const subject = { apiVersion: 'serving.knative.dev/v1', kind: 'Service' };

const refused: readonly { name: string; manifest: Manifest; want: RegExp }[] = [
  { name: '@every', manifest: ping({ schedule: '@every 1h' }), want: /unsupported descriptor @every/ },
  { name: 'an empty schedule', manifest: ping({ schedule: '' }), want: /5 or 6 cron fields/ },
  { name: 'four fields', manifest: ping({ schedule: '* * * *' }), want: /5 or 6 cron fields/ },
  { name: 'seven fields', manifest: ping({ schedule: '* * * * * * *' }), want: /5 or 6 cron fields/ },
  { name: '@reboot', manifest: ping({ schedule: '@reboot' }), want: /5 or 6 cron fields/ },
  { name: 'data twice', manifest: ping({ data: 'x', dataBase64: 'eA==' }), want: /got both: data, dataBase64/ },
  { name: 'data that is no base64', manifest: ping({ dataBase64: '%' }), want: /dataBase64/ },
  {
    name: 'JSON that is no object',
    manifest: ping({ contentType: 'application/json', data: '[1]' }),
    want: /data must be a JSON object/,
  },
  { name: 'a sink that leads nowhere', manifest: ping({ sink: {} }), want: /got none: ref, uri/ },
  {
    name: 'an extension name with a dash',
    manifest: ping({ ceOverrides: { extensions: { 'pg-name': 'x' } } }),
    want: /extension names are lower-case letters and digits/,
  },
  { name: 'no resources', manifest: source('ApiServerSource', { sink: brokerRef, resources: [] }), want: /resources/ },
  {
    name: 'a mode that does not exist',
    manifest: source('ApiServerSource', {
      sink: brokerRef,
      mode: 'Full',
      resources: [{ apiVersion: 'v1', kind: 'Pod' }],
    }),
    want: /mode/,
  },
  {
    name: 'a subject without a name',
    manifest: source('SinkBinding', { sink: brokerRef, subject }),
    want: /name, selector/,
  },
  {
    name: 'a backoff that is no ISO duration',
    manifest: { ...broker, spec: { delivery: { retry: 1, backoffPolicy: 'linear', backoffDelay: '1s' } } },
    want: /backoffDelay/,
  },
  {
    name: 'an unknown backoff policy',
    manifest: { ...broker, spec: { delivery: { backoffPolicy: 'random' } } },
    want: /backoffPolicy/,
  },
  { name: 'a window below 6 s', manifest: withWindow('5s'), want: /6s to 1h/ },
  { name: 'a window without a unit', manifest: withWindow('15'), want: /6s to 1h/ },
];

for (const { name, manifest, want } of refused) {
  test(`refused: ${name}`, async () => {
    await assert.rejects(cluster.apply(manifest), (error) => {
      assert.ok(requestError.isInvalid(error), String(error));
      assert.match((error as Error).message, want);
      return true;
    });
  });
}

const accepted: readonly { name: string; manifest: Manifest }[] = [
  { name: 'five fields', manifest: ping({ schedule: '*/15 0-6 1,15 * mon' }) },
  { name: 'six fields', manifest: ping({ schedule: '40 7,22,37,52 * * * *' }) },
  { name: 'a descriptor', manifest: ping({ schedule: '@daily' }) },
  { name: 'no data', manifest: ping({ schedule: '0 6 * * *' }) },
  { name: 'JSON data', manifest: ping({ contentType: 'application/json', data: ' {"a": 1}' }) },
  { name: 'a window of a minute and a half', manifest: withWindow('1m30s') },
];

for (const { name, manifest } of accepted) {
  test(`accepted: ${name}`, async () => {
    await cluster.apply(manifest);
    await cluster.remove(manifest);
  });
}

test('a missing schedule is every minute', async () => {
  const manifest = pingSource('without', 'ops', {});
  await cluster.apply(manifest);
  const { spec } = (await cluster.read(manifest)) as { spec: { schedule: string } };
  assert.equal(spec.schedule, '* * * * *');
});

test('a Broker without delivery gets that of Knative', async () => {
  await cluster.apply(broker);
  const { spec } = (await cluster.read(broker)) as { spec: { delivery: object } };
  assert.deepEqual(spec.delivery, { retry: 10, backoffPolicy: 'exponential', backoffDelay: 'PT0.2S' });
});

test('the Broker of a Trigger cannot be changed', async () => {
  const manifest = trigger('t', {}, 's');
  await cluster.apply(manifest);
  const moved = { ...manifest, spec: { ...(manifest['spec'] as object), broker: 'other' } };
  await assert.rejects(cluster.apply(moved), /spec.broker is immutable/);
});

test('a Trigger whose subscriber does not exist is not ready', async () => {
  const manifest = trigger('nowhere', {}, 's');
  await cluster.apply(manifest);
  assert.equal(await cluster.untilReady(manifest, 'False'), 'Unable to get the Subscriber');
});

test('a schedule that only a cron parser can refuse makes the PingSource not ready', async () => {
  await cluster.apply(broker);
  const manifest = ping({ schedule: '0 24 * * *' });
  await cluster.apply(manifest);
  assert.equal(await cluster.untilReady(manifest, 'False'), 'InvalidSchedule');
});
