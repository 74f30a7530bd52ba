/** StatefulSets, pods, owners and namespaces, as a user sees them with kubectl. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { Pod } from '../../local/kubernetes/client/objects.ts';
import { eventually } from '../support/eventually.ts';
import { postgresStatefulSet, readyDatabase, startPostgres, useEnvironment } from '../support/environment.ts';

const environment = await useEnvironment();
const { kube } = environment;

describe('StatefulSet', () => {
  const namespace = 'sets';

  before(async () => {
    const database = await startPostgres(environment, { namespace });
    await database.sql('create table t (a int)');
  });

  it('shows up as a pod that is owned, bound and ready, and in the status of the set', async () => {
    const pod = await podOf(namespace, 'postgres-0');
    assert.equal(pod?.metadata.ownerReferences?.[0]?.kind, 'StatefulSet');
    assert.equal(pod.metadata.ownerReferences[0].controller, true);
    assert.equal(pod.spec.nodeName, 'local');
    await environment.kubectl(['rollout', 'status', 'statefulset/postgres', '-n', namespace, '--timeout=10s']);
  });

  it('makes a deleted pod again, with another uid and the same data', async () => {
    const before = await podOf(namespace, 'postgres-0');
    await environment.kubectl(['delete', 'pod', '-n', namespace, 'postgres-0', '--timeout=20s']);
    const database = await readyDatabase(environment, namespace, 'postgres-0');
    assert.notEqual((await podOf(namespace, 'postgres-0'))?.metadata.uid, before?.metadata.uid);
    assert.deepEqual(await database.sql('select count(*) from t'), [{ count: '0' }]);
  });

  it('replaces the pod when its template changes: settings come from the arguments', async () => {
    await startPostgres(environment, { namespace, archiveCommand: 'false' });
    await eventually('the new setting', async () => {
      const rows = await environment.databases()[0]?.sql('show archive_command');
      return rows?.[0]?.['archive_command'] === 'false' ? true : undefined;
    });
  });

  it('goes to zero and comes back', async () => {
    await environment.kubectl(['scale', 'statefulset/postgres', '-n', namespace, '--replicas=0']);
    await eventually('no pod', async () => ((await podOf(namespace, 'postgres-0')) === undefined ? true : undefined));
    assert.deepEqual(environment.databases(), []);
    await environment.kubectl(['scale', 'statefulset/postgres', '-n', namespace, '--replicas=1']);
    await readyDatabase(environment, namespace, 'postgres-0');
  });

  it('leaves a pod Pending that fits no node', async () => {
    const options = { namespace, name: 'homeless', podSpec: { nodeSelector: { disk: 'fast' } } };
    await environment.kubectl(['apply', '-f', '-'], JSON.stringify(postgresStatefulSet(environment, options)));
    await eventually('the scheduler says why', async () => {
      const pod = await podOf(namespace, 'homeless-0');
      const scheduled = pod?.status?.conditions?.find((one) => one.type === 'PodScheduled');
      return pod?.status?.phase === 'Pending' && scheduled?.reason === 'Unschedulable' ? true : undefined;
    });
  });

  it('runs other containers of the pod, and knows which of them is the database', async () => {
    const sidecar = { name: 'metrics', image: 'exporter:1' };
    const set = postgresStatefulSet(environment, { namespace, name: 'two', container: 'postgresql' }) as {
      spec: { template: { spec: { containers: object[] } } };
    };
    set.spec.template.spec.containers.push(sidecar);
    await environment.kubectl(['apply', '-f', '-'], JSON.stringify(set));
    const database = await readyDatabase(environment, namespace, 'two-0');
    assert.equal(database.container, 'postgresql');
    const out = await environment.kubectl([
      'exec',
      '-n',
      namespace,
      'two-0',
      '-c',
      'metrics',
      '--',
      'sh',
      '-c',
      'echo "${PGPORT-none}"',
    ]);
    assert.equal(out, 'none\n');
  });
});

describe('owners', () => {
  it('takes pods with it when a StatefulSet goes', async () => {
    await environment.kubectl(['delete', 'statefulset', '-n', 'sets', 'two']);
    await eventually('the pod is gone', async () => ((await podOf('sets', 'two-0')) === undefined ? true : undefined));
  });

  it('removes what refers to an owner that never was, and nothing else', async () => {
    const owner = {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      name: 'ghost',
      uid: '00000000-0000-4000-8000-000000000000',
    };
    const path = '/api/v1/namespaces/default/configmaps';
    const build = (name: string, references: object[]): object => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, ownerReferences: references },
    });
    await kube.create(path, build('orphan', [owner]));
    await kube.create(path, build('free', []));
    await eventually('the orphan is gone', async () =>
      (await kube.get(`${path}/orphan`)) === undefined ? true : undefined,
    );
    assert.notEqual(await kube.get(`${path}/free`), undefined);
  });
});

describe('namespace', () => {
  it('has a default ServiceAccount, and goes with all that is in it', async () => {
    await environment.kubectl(['create', 'namespace', 'short']);
    await eventually('the ServiceAccount', () => kube.get('/api/v1/namespaces/short/serviceaccounts/default'));
    await startPostgres(environment, { namespace: 'short' });
    await environment.kubectl(['delete', 'namespace', 'short', '--timeout=30s']);
    assert.equal(await kube.get('/api/v1/namespaces/short'), undefined);
    assert.deepEqual(
      environment.databases().filter((one) => one.namespace === 'short'),
      [],
    );
  });
});

async function podOf(namespace: string, name: string): Promise<Pod | undefined> {
  return (await kube.get(`/api/v1/namespaces/${namespace}/pods/${name}`)) as Pod | undefined;
}
