import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startCluster, type Manifest, type TestCluster } from './support/cluster.ts';
import { broker, brokerRef, namespace, pingSource, service, serviceAccount, trigger } from './support/manifests.ts';
import { eventually } from '../../support/eventually.ts';

interface Recorded {
  readonly url?: string;
  readonly signal?: string;
  readonly headers: Record<string, string>;
}

const sinkBinding: Manifest = {
  apiVersion: 'sources.knative.dev/v1',
  kind: 'SinkBinding',
  metadata: { name: 'functions', namespace: 'ops' },
  spec: {
    subject: {
      apiVersion: 'serving.knative.dev/v1',
      kind: 'Service',
      selector: { matchLabels: { component: 'function' } },
    },
    sink: brokerRef,
  },
};

let cluster: TestCluster;
before(async () => {
  cluster = await startCluster();
  for (const manifest of [namespace('ops'), serviceAccount('worker'), sinkBinding, broker])
    await cluster.apply(manifest);
});
after(() => cluster.stop());

test('a ping wakes a function through Broker and Trigger, and the function goes back to zero', async () => {
  const record = join(cluster.dir, 'worker.jsonl');
  const worker = service('worker', { RECORD: record });
  const toWorker = trigger('to-worker', { type: 'dev.knative.sources.ping', pgpurpose: 'slot' }, 'worker');
  // The Trigger comes first: it turns ready when its subscriber does.
  await cluster.apply(toWorker);
  assert.equal(await cluster.untilReady(toWorker, 'False'), 'Unable to get the Subscriber');
  await cluster.apply(worker);
  for (const manifest of [broker, worker, toWorker, sinkBinding]) await cluster.untilReady(manifest);
  assert.deepEqual(
    cluster.eventing.functions().map(({ name, state, starts }) => ({ name, state, starts })),
    [{ name: 'worker', state: 'zero', starts: 0 }],
  );

  const ping = pingSource('tick', 'ops', {
    schedule: '* * * * * *',
    ceOverrides: { extensions: { pgpurpose: 'slot' } },
  });
  const other = pingSource('tock', 'ops', { schedule: '* * * * * *', ceOverrides: { extensions: { pgpurpose: 'x' } } });
  await cluster.apply(ping);
  await cluster.apply(other);
  await eventually('an event in the function', () => existsSync(record));
  await eventually('an event that no Trigger wants', () =>
    cluster.trace.some((one) => one.kind === 'event' && one.event.source.endsWith('/tock')),
  );
  for (const manifest of [ping, other]) await cluster.remove(manifest);
  await eventually('zero processes', () => cluster.eventing.functions().every(({ state }) => state === 'zero'));

  const recorded = readFileSync(record, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Recorded);
  assert.equal(recorded[0]?.headers['ce-source'], '/apis/v1/namespaces/ops/pingsources/tick');
  assert.equal(recorded[0].headers['prefer'], 'reply');
  assert.equal(recorded.at(-1)?.signal, 'SIGTERM');
  assert.ok(recorded.every(({ headers }) => headers?.['ce-pgpurpose'] !== 'x'));
  const delivery = cluster.trace.find((one) => one.kind === 'delivery');
  assert.deepEqual(
    { ...delivery, event: undefined, durationMs: undefined },
    {
      kind: 'delivery',
      event: undefined,
      durationMs: undefined,
      trigger: 'ops/to-worker',
      function: 'worker',
      status: 204,
      attempt: 1,
      retryInMs: undefined,
      error: undefined,
    },
  );
});

test('a function has its own identity, its variables and the address of the Broker', async () => {
  const [worker] = cluster.eventing.functions();
  const answer = await fetch(`${worker?.url}/environment`);
  const environment = (await answer.json()) as Record<string, string>;
  assert.equal(environment['K_SINK'], `${cluster.eventing.brokerUrl}`);
  assert.equal(environment['K_SERVICE'], 'worker');
  assert.match(environment['K_REVISION'] ?? '', /^worker-\d{5}$/);
  assert.equal(environment['NODE_TEST_CONTEXT'], undefined, 'nothing of our own environment leaks in');
  const kubeConfig = JSON.parse(readFileSync(environment['KUBECONFIG'] ?? '', 'utf8')) as {
    users: [{ user: { 'auth-provider': { config: { tokenFile: string } } } }];
  };
  const token = readFileSync(kubeConfig.users[0].user['auth-provider'].config.tokenFile, 'utf8');
  const review = await cluster.api.send({
    method: 'POST',
    path: '/apis/authentication.k8s.io/v1/selfsubjectreviews',
    headers: { Authorization: `Bearer ${token}` },
    body: { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
  });
  const { status } = review.body as { status?: { userInfo: { username: string } } };
  assert.equal(status?.userInfo.username, 'system:serviceaccount:ops:worker');
});

test('stopping ends every process', async () => {
  const [worker] = cluster.eventing.functions();
  await fetch(`${worker?.url}/`);
  const pid = await eventually('a process', () => cluster.eventing.functions()[0]?.pid);
  await cluster.restartEventing();
  assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
});
