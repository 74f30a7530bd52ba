/** A local environment for a test file: one for all its tests, in a directory of its own, ended with them. */
import { eventually } from './eventually.ts';
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

/** What a StatefulSet of a test may differ in. */
export interface PostgresOptions {
  readonly namespace: string;
  readonly name?: string;
  readonly container?: string;
  /** Further arguments of postgres, such as `-c`, `archive_command=false`. */
  readonly args?: readonly string[];
  /** Further variables of the container. */
  readonly env?: Readonly<Record<string, string>>;
  readonly podSpec?: Readonly<Record<string, unknown>>;
  readonly containerSpec?: Readonly<Record<string, unknown>>;
  /** Directory below the storage directory that wal-g uses; the namespace and name unless told otherwise. */
  readonly storage?: string;
}

/** A StatefulSet as the documents recommend it: volumes for the data and /PgBackup, wal-g set up by the environment. */
export function postgresStatefulSet(environment: Environment, options: PostgresOptions): object {
  const name = options.name ?? 'postgres';
  const labels = { app: name };
  const variables = { PGUSER: 'postgres', WALG_FILE_PREFIX: '/backups', ...options.env };
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name, namespace: options.namespace },
    spec: {
      serviceName: name,
      replicas: 1,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          containers: [
            {
              name: options.container ?? 'postgres',
              image: 'postgres:14',
              args: options.args ?? [],
              env: Object.entries(variables).map(([key, value]) => ({ name: key, value })),
              volumeMounts: [
                { name: 'data', mountPath: '/var/lib/postgresql/data' },
                { name: 'backups', mountPath: '/backups' },
                { name: 'runs', mountPath: '/PgBackup' },
              ],
              ...options.containerSpec,
            },
          ],
          volumes: [
            { name: 'backups', hostPath: { path: storagePath(environment, options), type: 'DirectoryOrCreate' } },
          ],
          ...options.podSpec,
        },
      },
      volumeClaimTemplates: ['data', 'runs'].map((claim) => ({
        metadata: { name: claim },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
      })),
    },
  };
}

/** The real directory behind /backups of such a StatefulSet. */
export function storagePath(environment: Environment, options: PostgresOptions): string {
  return join(environment.storageDir, options.storage ?? `${options.namespace}-${options.name ?? 'postgres'}`);
}

/** Makes the namespace and the StatefulSet and waits for a database that takes connections. */
export async function startPostgres(environment: Environment, options: PostgresOptions): Promise<Database> {
  await environment.kube.create('/api/v1/namespaces', {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: options.namespace },
  });
  const path = `/apis/apps/v1/namespaces/${options.namespace}/statefulsets/${options.name ?? 'postgres'}`;
  await environment.kube.apply(path, postgresStatefulSet(environment, options), { fieldManager: 'test', force: true });
  return readyDatabase(environment, options.namespace, `${options.name ?? 'postgres'}-0`);
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
