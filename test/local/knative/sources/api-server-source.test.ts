import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { IncomingHttpHeaders } from 'node:http';
import { listen, readAll, type Listening } from '../../../../local/knative/core/http.ts';
import { startCluster, type Manifest, type TestCluster } from '../support/cluster.ts';
import { namespace, serviceAccount } from '../support/manifests.ts';
import { until } from '../support/until.ts';

interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly data: Record<string, unknown> & { metadata: { name: string; resourceVersion: string } };
}

let cluster: TestCluster;
let sink: Listening;
const received: Received[] = [];
/** Statuses to answer before 204, by the name of the object. */
const answers = new Map<string, number[]>();

before(async () => {
  cluster = await startCluster();
  sink = await listen((request, response) => {
    void readAll(request).then((body) => {
      received.push({ headers: request.headers, data: JSON.parse(body.toString()) as Received['data'] });
      response.writeHead(answers.get(String(request.headers['ce-name']))?.shift() ?? 204).end();
    });
  });
  const manifests = [namespace('ops'), namespace('db', { watched: 'yes' }), namespace('elsewhere')];
  for (const manifest of [...manifests, serviceAccount('watcher')]) await cluster.apply(manifest);
});
after(async () => {
  await cluster.stop();
  await sink.close();
});

function configMap(name: string, namespaceName: string, data: Record<string, string> = {}): Manifest {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: namespaceName }, data };
}

function source(name: string, spec: Record<string, unknown> = {}): Manifest {
  return {
    apiVersion: 'sources.knative.dev/v1',
    kind: 'ApiServerSource',
    metadata: { name, namespace: 'ops' },
    spec: {
      serviceAccountName: 'watcher',
      mode: 'Resource',
      resources: [{ apiVersion: 'v1', kind: 'ConfigMap' }],
      sink: { uri: sink.url },
      ...spec,
    },
  };
}

function grant(): Manifest[] {
  const metadata = { name: 'watcher' };
  const apiVersion = 'rbac.authorization.k8s.io/v1';
  const rules = [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list', 'watch'] }];
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'watcher' };
  const subjects = [{ kind: 'ServiceAccount', name: 'watcher', namespace: 'ops' }];
  return [
    { apiVersion, kind: 'ClusterRole', metadata, rules },
    { apiVersion, kind: 'ClusterRoleBinding', metadata, roleRef, subjects },
  ];
}

/** Types and names of what came since the last call, once `last` came. */
async function untilReceived(last: string): Promise<string[]> {
  await until(last, () => received.some((one) => line(one) === last));
  return received.splice(0).map(line);
}

function line({ headers, data }: Received): string {
  return `${String(headers['ce-type']).split('.').at(-1)} ${data.metadata.name}`;
}

test('without the right to watch it is not ready and says so', async () => {
  const manifest = source('all', { namespaceSelector: {} });
  await cluster.apply(manifest);
  // Before the first watch is answered it is only starting.
  await until('the reason', async () => (await cluster.untilReady(manifest, 'False')) === 'NoSufficientPermissions');
  for (const role of grant()) await cluster.apply(role);
  await cluster.untilReady(manifest);
});

test('changes come in order with the attributes of Knative and the whole object', async () => {
  await cluster.apply(configMap('a', 'db', { x: '1' }));
  await cluster.apply(configMap('a', 'db', { x: '2' }));
  await cluster.remove(configMap('a', 'db'));
  await until('three events', () => received.length >= 3);
  const events = received.splice(0);
  assert.deepEqual(events.map(line), ['add a', 'update a', 'delete a']);
  const [{ headers, data }] = events as [Received];
  const attributes = Object.fromEntries(
    Object.entries(headers).filter(([name]) => name.startsWith('ce-') && !['ce-id', 'ce-time'].includes(name)),
  );
  assert.deepEqual(attributes, {
    'ce-specversion': '1.0',
    'ce-type': 'dev.knative.apiserver.resource.add',
    'ce-source': cluster.api.url,
    'ce-subject': '/apis/v1/namespaces/db/configmaps/a',
    'ce-kind': 'ConfigMap',
    'ce-apiversion': 'v1',
    'ce-name': 'a',
    'ce-namespace': 'db',
  });
  assert.equal(headers['content-type'], 'application/json');
  assert.deepEqual(data['data'], { x: '1' });
  assert.equal(data['kind'], 'ConfigMap');
});

test('a write that changes nothing is no event', async () => {
  await cluster.apply(configMap('same', 'db', { x: '1' }));
  await cluster.apply(configMap('same', 'db', { x: '1' }));
  await cluster.apply(configMap('after', 'db'));
  assert.deepEqual(await untilReceived('add after'), ['add same', 'add after']);
});

test('what exists is not told of again at a new start', async () => {
  await cluster.apply(configMap('old', 'db'));
  await untilReceived('add old');
  await cluster.restartEventing();
  await cluster.untilReady(source('all'));
  // Ready may still be that of the former adapter: changes until the new watch is up are lost, as in Knative.
  await until('the watch', async () => {
    await cluster.apply(configMap('new', 'db', { at: String(performance.now()) }));
    return received.length > 0;
  });
  await cluster.apply(configMap('last', 'db'));
  const lines = await untilReceived('add last');
  assert.deepEqual(
    lines.filter((one) => !['add new', 'update new', 'add last'].includes(one)),
    [],
  );
});

test('a sink that is away for a moment gets the event again with the same id, and the next ones wait', async () => {
  answers.set('first', [503, 503]);
  await cluster.apply(configMap('first', 'db'));
  await cluster.apply(configMap('second', 'db'));
  await until('both', () => received.some((one) => line(one) === 'add second'));
  const events = received.splice(0).filter(({ data }) => ['first', 'second'].includes(data.metadata.name));
  assert.deepEqual(events.map(line), ['add first', 'add first', 'add first', 'add second']);
  assert.equal(new Set(events.map(({ headers }) => headers['ce-id'])).size, 2);
});

test('a 500 loses the event at once', async () => {
  answers.set('unlucky', [500]);
  await cluster.apply(configMap('unlucky', 'db'));
  await cluster.apply(configMap('lucky', 'db'));
  assert.deepEqual(await untilReceived('add lucky'), ['add unlucky', 'add lucky']);
  const lost = cluster.observed.flatMap((one) => (one.kind === 'lost' ? [one] : []));
  assert.deepEqual(
    lost.map(({ status, event }) => [status, event.extensions['name']]),
    [[500, 'unlucky']],
  );
});

const scopes: readonly { name: string; spec: Record<string, unknown>; want: readonly string[] }[] = [
  { name: 'no selector: its own namespace', spec: {}, want: ['add in-ops', 'add end'] },
  {
    name: 'a selector: the namespaces with these labels',
    spec: { namespaceSelector: { matchLabels: { watched: 'yes' } } },
    want: ['add in-db', 'add end'],
  },
  {
    name: 'a selector for objects',
    spec: {
      namespaceSelector: {},
      resources: [{ apiVersion: 'v1', kind: 'ConfigMap', selector: { matchLabels: { wanted: 'yes' } } }],
    },
    want: ['add end'],
  },
];

for (const { name, spec, want } of scopes) {
  test(`scope: ${name}`, async () => {
    const manifest = source(`scope-${want.length}-${want[0]?.replace(' ', '-')}`, spec);
    await cluster.remove(source('all'));
    await cluster.apply(manifest);
    await cluster.untilReady(manifest);
    received.splice(0);
    for (const each of ['ops', 'db', 'elsewhere']) await cluster.apply(configMap(`in-${each}`, each));
    const last = {
      name: 'end',
      namespace: spec['namespaceSelector'] === undefined ? 'ops' : 'db',
      labels: { wanted: 'yes' },
    };
    await cluster.apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata: last });
    assert.deepEqual(await untilReceived('add end'), want);
    for (const each of ['ops', 'db', 'elsewhere']) await cluster.remove(configMap(`in-${each}`, each));
    await cluster.remove({ apiVersion: 'v1', kind: 'ConfigMap', metadata: last });
    await cluster.remove(manifest);
  });
}

test('Reference mode, the default, only names the object', async () => {
  const manifest = source('reference', { mode: 'Reference' });
  await cluster.apply(manifest);
  await cluster.untilReady(manifest);
  received.splice(0);
  await cluster.apply(configMap('named', 'ops'));
  const [event] = await until('an event', () => received.length > 0 && received);
  assert.equal(event?.headers['ce-type'], 'dev.knative.apiserver.ref.add');
  assert.deepEqual(event.data, { apiVersion: 'v1', kind: 'ConfigMap', name: 'named', namespace: 'ops' });
});
