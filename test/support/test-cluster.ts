/** What a test may do with a cluster that has the product installed, or is to get it. */
import { databaseSet, type DatabaseShape } from './database-set.ts';
import { databaseIn, type Sql, type TestDatabase } from './database.ts';
import { eventually } from './eventually.ts';
import { namespaceAccess, objectsIn, type NamespaceAccess, type Objects } from './objects.ts';
import { askRestored, type Restore, type RestorePlace } from './restored.ts';
import type { MadeUpEvent, SeenEvent } from './outside.ts';

/** A namespace of a cluster, with what is in it and around it. */
export interface TestCluster extends NamespaceAccess, Objects {
  /** Seconds after which a slot may come that its new PgManager is to meet. */
  readonly slotIn: number;
  /** Makes a StatefulSet; its pod may never become ready. */
  statefulSet(shape?: DatabaseShape): Promise<void>;
  /** Makes a StatefulSet and waits until its database is ready. */
  database(shape?: DatabaseShape): Promise<TestDatabase>;
  /** Returns the database of a pod. */
  databaseIn(pod: string): TestDatabase;
  /** Restores a backup with the documents' commands and asks the restored database. */
  restored(restore: Restore, ask: string): Promise<string[]>;
  /** Runs a block of the documents as a reader would; `more` follows it in the same shell. */
  follow(block: string, more?: string): Promise<string>;
  /** Posts an event to the Broker, as somebody in the cluster could. */
  post(event: MadeUpEvent): Promise<void>;
  /** Sends what a tick of the PingSource `sweep` or `probe` is to the functions. */
  tick(purpose: 'sweep' | 'probe'): Promise<void>;
  /** Subscribes to the functions' own events; what it returns lists those that have come. */
  subscribe(): Promise<() => Promise<readonly SeenEvent[]>>;
  /** Lists the functions that are not at zero. */
  awake(): Promise<readonly string[]>;
  /** Waits as `eventually` does, longer where everything takes longer. */
  eventually: typeof eventually;
  close(): Promise<void>;
}

/** Opens a namespace of a cluster. */
export type OpenCluster = (namespace: string) => Promise<TestCluster>;

/** In what clusters differ. */
export interface Platform extends Pick<TestCluster, 'slotIn' | 'follow' | 'post' | 'subscribe' | 'awake' | 'close'> {
  /** Runs kubectl, with the text as its input. */
  readonly run: (args: readonly string[], input?: string) => Promise<string>;
  /** How many times longer things may take than in the local environment. */
  readonly slowness: number;
  readonly image: string;
  readonly storage: string;
  readonly restore: Omit<RestorePlace, 'namespace' | 'storage'>;
  readonly sql: (namespace: string) => Sql;
  /** Makes the storage of a database; returns what its pod needs for that. */
  prepareStorage(namespace: string, shape: DatabaseShape): DatabaseShape['podSpec'];
}

/** Makes a namespace of a cluster and returns what can be done there. */
export async function openNamespace(platform: Platform, namespace: string): Promise<TestCluster> {
  const { slowness, image, storage } = platform;
  const access = namespaceAccess(namespace, platform.run);
  const sql = platform.sql(namespace);
  const wait: typeof eventually = (what, look, seconds = 60) => eventually(what, look, seconds * slowness);
  const place = { namespace, image, storage };
  const cluster: TestCluster = {
    ...access,
    ...objectsIn(access, wait),
    slotIn: platform.slotIn,
    follow: platform.follow,
    post: platform.post,
    subscribe: platform.subscribe,
    awake: platform.awake,
    close: platform.close,
    eventually: wait,
    async statefulSet(shape = {}) {
      const podSpec = { ...platform.prepareStorage(namespace, shape), ...shape.podSpec };
      await access.apply(databaseSet(place, { ...shape, podSpec }));
    },
    async database(shape = {}) {
      const { name = 'postgres', container = 'postgres' } = shape;
      await cluster.statefulSet(shape);
      await access.kubectl('rollout', 'status', '-n', namespace, `statefulset/${name}`, '--timeout=120s');
      return databaseIn(access, sql, { pod: `${name}-0`, container });
    },
    databaseIn: (pod) => databaseIn(access, sql, { pod, container: 'postgres' }),
    restored: (restore, ask) => askRestored({ ...access, sql }, { ...place, ...platform.restore }, restore, ask),
    tick: (purpose) =>
      platform.post({
        type: 'dev.knative.sources.ping',
        source: `/apis/v1/namespaces/aidboxops/pingsources/${purpose}`,
        extensions: { pgpurpose: purpose },
      }),
  };
  await access.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  return cluster;
}
