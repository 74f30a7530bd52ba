/** A local environment with a namespace, ready for end-to-end tests: databases, managers, backups, and waiting for what should come. */
import { eventually } from './eventually.ts';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chownSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startEnvironment } from '../../local/environment.ts';
import type { Environment, EnvironmentOptions } from '../../local/environment-types.ts';
import type { Database } from '../../local/kubernetes/kubelet/databases.ts';
import { toMessage } from '../../local/knative/core/events.ts';
import type { TraceEvent } from '../../local/knative/index.ts';
import type { PingSource } from '../../local/knative/core/objects.ts';
import { pingEvent } from '../../local/knative/sources/ping-source.ts';
import { objectsIn, type Objects, type Place } from './objects.ts';

export { timeOfDay } from './objects.ts';

const repository = join(import.meta.dirname, '../..');

/** What differs from an ordinary database. */
export interface DatabaseShape {
  readonly name?: string;
  readonly archiveCommand?: string;
  /** Directory below the environment's storage that wal-g uses. */
  readonly prefix?: string;
  readonly container?: string;
  /** More environment variables of the container, as a pod template has them. */
  readonly env?: readonly object[];
}

export interface Shop extends Place, Objects {
  readonly environment: Environment;
  /** Everything that the stand-ins have reported so far. */
  readonly observations: readonly TraceEvent[];
  /** Makes a StatefulSet with storage for it; its pod may never become ready. */
  statefulSet(shape?: DatabaseShape): Promise<void>;
  /** Makes a StatefulSet and waits until its database answers. */
  database(shape?: DatabaseShape): Promise<Database>;
  /** Lets a PingSource tick now, beside its schedule: the same event through the same Broker. */
  tick(name: string, inNamespace?: string): Promise<void>;
  /** Names of stored backups, oldest first, as wal-g itself lists them. */
  stored(database: Database): Promise<string[]>;
  /** The database that runs now under this pod name. */
  running(pod?: string): Database;
  close(): Promise<void>;
}

/** How a shop's environment differs from the ordinary one. */
export interface ShopOptions extends Partial<EnvironmentOptions> {
  /** Where its databases and objects are; `shop` unless told otherwise. */
  readonly namespace?: string;
}

/** Starts an environment of its own for one test file; nothing of it is left when that fails. */
export async function openShop(name: string, options: ShopOptions = {}): Promise<Shop> {
  const { namespace = 'shop' } = options;
  const observations: TraceEvent[] = [];
  const environment = await startEnvironment({
    dir: join(repository, '.local', 'test', name),
    ...options,
    trace(observation) {
      observations.push(observation);
      options.trace?.(observation);
    },
  });
  try {
    return await openShopIn(environment, namespace, observations);
  } catch (error) {
    // The caller has nothing to close yet.
    await environment.stop();
    throw error;
  }
}

/** A namespace of its own in an environment that may have others. */
export async function openShopIn(
  environment: Environment,
  namespace: string,
  observations: readonly TraceEvent[],
): Promise<Shop> {
  const kubectl = (...args: string[]): Promise<string> => environment.kubectl(args);
  const apply = async (...objects: object[]): Promise<void> => {
    const list = { apiVersion: 'v1', kind: 'List', items: objects };
    await environment.kubectl(['apply', '-f', '-'], JSON.stringify(list));
  };
  await apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  const running = (pod: string): Database | undefined =>
    environment.databases().find((database) => database.namespace === namespace && database.pod === pod);
  const shop: Shop = {
    ...objectsIn({ namespace, kubectl, apply }),
    namespace,
    environment,
    observations,
    kubectl,
    apply,
    async statefulSet(shape = {}) {
      makePrefix(environment, shape.prefix ?? shape.name ?? 'postgres');
      await apply(statefulSet({ environment, namespace }, shape));
    },
    async database(shape = {}) {
      await shop.statefulSet(shape);
      return eventually(`database ${shape.name ?? 'postgres'}`, async () => {
        const database = running(`${shape.name ?? 'postgres'}-0`);
        await database?.sql('select 1');
        const ready = await kubectl(
          'get',
          'pod',
          '-n',
          namespace,
          `${shape.name ?? 'postgres'}-0`,
          '-o',
          'jsonpath={.status.containerStatuses[0].ready}',
        );
        return ready === 'true' ? database : undefined;
      });
    },
    async tick(name, inNamespace = 'aidboxops') {
      const text = await kubectl('get', 'pingsource', '-n', inNamespace, name, '-o', 'json');
      const { headers, body } = toMessage(pingEvent(JSON.parse(text) as PingSource));
      const answer = await fetch(environment.brokerUrl ?? '', { method: 'POST', headers, body: new Uint8Array(body) });
      assert.equal(answer.status, 202);
    },
    stored: storedBackups,
    running(pod = 'postgres-0') {
      const database = running(pod);
      assert.ok(database, `no database runs in ${pod}`);
      return database;
    },
    close: () => environment.stop(),
  };
  return shop;
}

function statefulSet(
  { environment, namespace }: Pick<Shop, 'environment' | 'namespace'>,
  shape: DatabaseShape,
): object {
  const { name = 'postgres', container = 'postgres', prefix = name } = shape;
  const labels = { app: name };
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name, namespace },
    spec: {
      serviceName: name,
      replicas: 1,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          containers: [
            {
              name: container,
              image: 'postgres:14',
              ...(shape.archiveCommand === undefined
                ? {}
                : { args: ['-c', `archive_command=${shape.archiveCommand}`] }),
              env: [
                { name: 'PGDATA', value: '/var/lib/postgresql/data' },
                { name: 'PGUSER', value: 'postgres' },
                { name: 'PGHOST', value: '127.0.0.1' },
                { name: 'WALG_FILE_PREFIX', value: `/backups/${prefix}` },
                ...(shape.env ?? []),
              ],
              volumeMounts: [
                { name: 'backups', mountPath: '/backups' },
                { name: 'logs', mountPath: '/PgBackup' },
              ],
            },
          ],
          volumes: [
            { name: 'backups', hostPath: { path: environment.storageDir } },
            { name: 'logs', emptyDir: {} },
          ],
        },
      },
    },
  };
}

/** File storage must exist before wal-g uses it, and belong to the owner of the databases. */
function makePrefix(environment: Environment, prefix: string): void {
  const dir = join(environment.storageDir, prefix);
  mkdirSync(dir, { recursive: true });
  if (process.getuid?.() === 0) chownSync(dir, 65_534, 65_534);
}

async function storedBackups(database: Database): Promise<string[]> {
  const { stdout } = await runAsOwner(database, 'wal-g backup-list --json');
  const list = (stdout.trim() === '' ? [] : JSON.parse(stdout)) as { backup_name: string }[];
  return list.map(({ backup_name: name }) => name).sort();
}

/** Runs a shell text with the environment of the database's container, as the owner of its data directory. */
export async function runAsOwner(
  database: Pick<Database, 'environment'>,
  script: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<{ stdout: string; stderr: string }> {
  const account = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
  return promisify(execFile)('sh', ['-euc', script], {
    ...account,
    cwd: '/',
    env: { ...database.environment, ...environment },
    maxBuffer: 64 * 1024 * 1024,
  });
}

/** A directory that the owner of the databases may write to, gone at the end of `use`. */
export async function withDirectory<T>(environment: Environment, use: (dir: string) => Promise<T>): Promise<T> {
  const dir = mkdtempSync(join(environment.storageDir, '..', 'restore-'));
  try {
    if (process.getuid?.() === 0) chownSync(dir, 65_534, 65_534);
    return await use(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** The living processes of a backup's run: `wal-g` and what watches over it. */
export function processesOfRun(uid: string): { pid: number; name: string }[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((pid) => {
      try {
        const environment = readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0');
        if (!environment.includes(`AIDBOXOPS_RUN=${uid}/backup`)) return [];
        return [{ pid: Number(pid), name: readFileSync(`/proc/${pid}/comm`, 'utf8').trim() }];
      } catch {
        // Ended while it was looked at, or of another user: none of a run of ours.
        return [];
      }
    });
}
