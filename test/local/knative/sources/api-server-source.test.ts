/** Readiness and scope; what an event is and when it is sent again is compared with Knative's adapter (test/contract/knative.test.ts). */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { listen, type Listening } from '../../../../local/knative/core/http.ts';
import { startCluster, type Manifest, type TestCluster } from '../support/cluster.ts';
import { namespace, serviceAccount } from '../support/manifests.ts';
import { eventually } from '../../../support/eventually.ts';

let cluster: TestCluster;
let sink: Listening;
/** Names of the objects. */
const received: string[] = [];

before(async () => {
  cluster = await startCluster();
  sink = await listen((request, response) => {
    received.push(String(request.headers['ce-name']));
    response.writeHead(204).end();
  });
  const manifests = [namespace('ops'), namespace('db', { watched: 'yes' }), namespace('elsewhere')];
  for (const manifest of [...manifests, serviceAccount('watcher')]) await cluster.apply(manifest);
});
after(async () => {
  await cluster.stop();
  await sink.close();
});

function configMap(name: string, namespaceName: string): Manifest {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: namespaceName } };
}

function source(name: string, spec: object = {}): Manifest {
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

test('without the right to watch it is not ready and says so', async () => {
  const manifest = source('all', { namespaceSelector: {} });
  await cluster.apply(manifest);
  // Before the first watch is answered it is only starting.
  await eventually(
    'the reason',
    async () => (await cluster.untilReady(manifest, 'False')) === 'NoSufficientPermissions',
  );
  for (const role of grant()) await cluster.apply(role);
  await cluster.untilReady(manifest);
});

test('a namespaceSelector with labels: the namespaces that have them', async () => {
  const manifest = source('labelled', { namespaceSelector: { matchLabels: { watched: 'yes' } } });
  await cluster.remove(source('all'));
  await cluster.apply(manifest);
  await cluster.untilReady(manifest);
  for (const each of ['ops', 'db', 'elsewhere']) await cluster.apply(configMap(`in-${each}`, each));
  await cluster.apply(configMap('end', 'db'));
  await eventually('the last event', () => received.includes('end'));
  assert.deepEqual(received, ['in-db', 'end']);
});
