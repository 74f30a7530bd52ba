/** The local environment as a test cluster, one for each test file: real parts, stand-ins for Knative, nothing hidden. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chownSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startEnvironment } from '../../local/environment.ts';
import type { Environment, EnvironmentOptions } from '../../local/environment-types.ts';
import type { Database } from '../../local/kubernetes/kubelet/databases.ts';
import { nodeName } from '../../local/kubernetes/kubelet/index.ts';
import { query } from '../../local/kubernetes/kubelet/query.ts';
import type { TraceEvent } from '../../local/knative/index.ts';
import { freePort } from '../../local/machine/ports.ts';
import { storageName } from './database-set.ts';
import type { Sql } from './database.ts';
import { runBlock } from './documents.ts';
import { postEvent, subscribe } from './outside.ts';
import { openNamespace, type Platform, type TestCluster } from './test-cluster.ts';

const repository = join(import.meta.dirname, '../..');

/** Owner of databases and of what they store. */
const owner = process.getuid?.() === 0 ? 65_534 : (process.getuid?.() ?? 0);

export interface LocalCluster extends TestCluster {
  readonly environment: Environment;
  /** Everything that the stand-ins have reported so far. */
  readonly observations: readonly TraceEvent[];
  /** Returns the database that runs now under this pod name. */
  running(pod?: string): Database;
}

/** How the environment differs from the ordinary one. */
export interface LocalOptions extends Partial<EnvironmentOptions> {
  /** Where its databases and objects are; `shop` unless said otherwise. */
  readonly namespace?: string;
  /** Says whether a delivery of this Trigger, such as `rotation-slot`, gets lost. */
  readonly loses?: (trigger: string) => boolean;
}

/** Starts an environment of its own for one test file; nothing of it is left when that fails. */
export async function openLocalCluster(name: string, options: LocalOptions = {}): Promise<LocalCluster> {
  const { namespace = 'shop', loses = () => false } = options;
  const observations: TraceEvent[] = [];
  const environment = await startEnvironment({
    dir: join(repository, '.local', 'test', name),
    eventing: {
      faults: { onDelivery: (_event, trigger) => (loses(trigger.split('/')[1] ?? '') ? 'drop' : 'deliver') },
    },
    ...options,
    trace(observation) {
      observations.push(observation);
      options.trace?.(observation);
    },
  });
  try {
    return await openLocalNamespace(environment, namespace, observations);
  } catch (error) {
    // The caller has nothing to close yet.
    await environment.stop();
    throw error;
  }
}

/** Makes a namespace of its own in an environment that may have others. */
export async function openLocalNamespace(
  environment: Environment,
  namespace: string,
  observations: readonly TraceEvent[],
): Promise<LocalCluster> {
  const closing: (() => Promise<void>)[] = [];
  const running = (pod = 'postgres-0'): Database => {
    const found = environment.databases().find((database) => database.namespace === namespace && database.pod === pod);
    assert.ok(found, `no database runs in ${pod}`);
    return found;
  };
  const platform: Platform = {
    run: environment.kubectl,
    slotIn: 5,
    slowness: 1,
    image: 'postgres:14',
    storage: environment.storageDir,
    // The node starts PostgreSQL in every container whose image has its name.
    restore: { image: 'restore:14', owner, nodeName, port: freePort },
    sql: () => localSql(environment, namespace),
    prepareStorage: (_, { name }) => makeStorage(environment, storageName(namespace, name)),
    follow: (block, more) => runBlock(block, { ...environment, cwd: repository, more }),
    async post(event) {
      const { status } = await postEvent(environment, event);
      assert.equal(status, 202);
    },
    async subscribe() {
      const consumer = await subscribe(environment);
      closing.push(() => consumer.close());
      return () => Promise.resolve(consumer.seen.filter(({ type }) => type.startsWith('pg.aidbox.')));
    },
    awake: () => {
      const up = environment.functions().filter(({ state }) => state !== 'zero');
      return Promise.resolve(up.map(({ name }) => name));
    },
    async close() {
      for (const close of closing) await close();
      await environment.stop();
    },
  };
  return { ...(await openNamespace(platform, namespace)), environment, observations, running };
}

/** Pods have no address of their own here: PGPORT says where their database listens. */
function localSql(environment: Environment, namespace: string): Sql {
  return async ({ pod, container }, text) => {
    const ask = ['exec', '-n', namespace, pod, '-c', container, '--', 'printenv', 'PGPORT'];
    const port = Number(await environment.kubectl(ask));
    const rows = await query({ port, user: 'postgres' }, text);
    return rows.map((row) => Object.values(row).join('|'));
  };
}

/** File storage must exist before wal-g uses it, and belong to the owner of the databases. */
export function makeStorage({ storageDir }: Environment, name: string): undefined {
  const dir = join(storageDir, name);
  mkdirSync(dir, { recursive: true });
  if (process.getuid?.() === 0) chownSync(dir, owner, owner);
}

/** Runs a shell text with the environment of the database's container, as the owner of its data directory. */
export async function runAsOwner(
  database: Pick<Database, 'environment'>,
  script: string,
): Promise<{ stdout: string; stderr: string }> {
  const account = process.getuid?.() === 0 ? { uid: owner, gid: owner } : {};
  return promisify(execFile)('sh', ['-euc', script], {
    ...account,
    cwd: '/',
    env: { ...database.environment },
    maxBuffer: 64 * 1024 * 1024,
  });
}
