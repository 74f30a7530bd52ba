/** A local environment for a test file: one for all its tests, in a directory of its own, ended with them. */
import { databaseSet, storageName, type DatabaseShape } from './database-set.ts';
import { eventually } from './eventually.ts';
import { makeStorage } from './local-cluster.ts';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { startEnvironment } from '../../local/environment.ts';
import type { Environment, EnvironmentOptions } from '../../local/environment-types.ts';
import type { Database } from '../../local/kubernetes/kubelet/databases.ts';

/**
 * Starts an environment now and stops it after the tests of this file: `const environment = await useEnvironment();` at
 * the top of the file. Without `functions: true` there is no eventing: only the API server, the node and controllers.
 */
export async function useEnvironment(options: Partial<EnvironmentOptions> = {}): Promise<Environment> {
  const dir = mkdtempSync(join(tmpdir(), 'aidboxops-test-'));
  // mkdtemp's own mode would keep the database user out.
  chmodSync(dir, 0o755);
  const environment = await startEnvironment({ functions: false, ...options, dir: join(dir, 'environment') });
  after(async () => {
    await environment.stop();
    if (process.env['KEEP'] === undefined) rmSync(dir, { recursive: true, force: true });
  });
  return environment;
}

/** A database of a test, and its namespace. */
export interface PostgresOptions extends DatabaseShape {
  readonly namespace: string;
}

/** Builds a StatefulSet whose files outlive its pods, and makes the storage of its backups. */
export function postgresStatefulSet(environment: Environment, options: PostgresOptions): object {
  const { namespace, name } = options;
  makeStorage(environment, storageName(namespace, name));
  const place = { namespace, image: 'postgres:14', storage: environment.storageDir };
  return databaseSet(place, { claims: true, ...options });
}

/** Makes the namespace and the StatefulSet and waits for a database that takes connections. */
export async function startPostgres(environment: Environment, options: PostgresOptions): Promise<Database> {
  const { namespace, name = 'postgres' } = options;
  await environment.kube.create('/api/v1/namespaces', {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: namespace },
  });
  const path = `/apis/apps/v1/namespaces/${namespace}/statefulsets/${name}`;
  await environment.kube.apply(path, postgresStatefulSet(environment, options), { fieldManager: 'test', force: true });
  return readyDatabase(environment, namespace, `${name}-0`);
}

/** Waits until a pod is Ready and returns its database. */
export function readyDatabase(environment: Environment, namespace: string, pod: string): Promise<Database> {
  return eventually(`pod ${namespace}/${pod} is ready`, async () => {
    const stored = (await environment.kube.get(`/api/v1/namespaces/${namespace}/pods/${pod}`)) as
      { status?: { conditions?: { type: string; status: string }[] } } | undefined;
    const isReady = stored?.status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True');
    const database = environment.databases().find((one) => one.namespace === namespace && one.pod === pod);
    return isReady === true ? database : undefined;
  });
}
