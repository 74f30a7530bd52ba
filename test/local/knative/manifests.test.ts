import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { startCluster, type Manifest, type TestCluster } from './support/cluster.ts';
import { pingSource } from './support/manifests.ts';

const root = join(import.meta.dirname, '..', '..', '..');

function manifestsIn(folder: string): Manifest[] {
  return readdirSync(join(root, folder))
    .filter((file) => file.endsWith('.yaml') && file !== 'kustomization.yaml')
    .flatMap((file) => parseAllDocuments(readFileSync(join(root, folder, file), 'utf8')))
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null);
}

const order = ['Namespace', 'ServiceAccount', 'ClusterRole', 'Role'];

function rank({ kind }: Manifest): number {
  const place = order.indexOf(kind);
  return place === -1 ? order.length : place;
}

let cluster: TestCluster;
before(async () => {
  cluster = await startCluster(manifestsIn('crds'));
});
after(() => cluster.stop());

test('the manifests of the installation are taken as they are, and everything of Knative becomes ready', async () => {
  const manifests = manifestsIn('eventing/base').sort((one, other) => rank(one) - rank(other));
  for (const manifest of manifests) await cluster.apply(manifest);
  const knative = manifests.filter(({ apiVersion }) => apiVersion.includes('knative.dev/'));
  for (const manifest of knative) assert.equal(await cluster.untilReady(manifest), 'Ready', manifest.metadata.name);
  assert.deepEqual(
    cluster.eventing
      .functions()
      .map(({ name, state }) => `${name} ${state}`)
      .sort(),
    ['backup zero', 'rotation zero', 'schedule zero', 'storage zero'],
  );
  assert.match(cluster.eventing.brokerUrl, /\/aidboxops\/aidboxops$/);
  assert.deepEqual(
    cluster.trace.filter(({ kind }) => kind === 'trouble'),
    [],
  );
});

test('a reconcile that finds everything as wanted writes nothing', async () => {
  const knative = manifestsIn('eventing/base').filter(({ apiVersion }) => apiVersion.includes('knative.dev/'));
  const before = await Promise.all(knative.map((manifest) => cluster.read(manifest)));
  // A new object makes the stand-ins reconcile all objects.
  const another = pingSource('another', 'aidboxops', { schedule: '@yearly', sink: { uri: 'http://127.0.0.1:1' } });
  await cluster.apply(another);
  await cluster.untilReady(another);
  assert.deepEqual(await Promise.all(knative.map((manifest) => cluster.read(manifest))), before);
});
