/** The cluster with Knative as a test cluster. */
import { databaseMounts, variablesOf, walgVariables, type DatabaseShape } from '../../support/database-set.ts';
import { linesOf, type Sql } from '../../support/database.ts';
import { openNamespace, type Platform, type TestCluster } from '../../support/test-cluster.ts';
import { follow } from './install.ts';
import { post, subscribe } from './outside.ts';
import { kubectl, run, target } from './target.ts';

/** Owner of the databases in our image. */
const owner = 999;

/** Makes a namespace and returns what can be done in it; closing it takes everything in it away. */
export function openInCluster(namespace: string): Promise<TestCluster> {
  return openNamespace({ ...platform, close: () => remove(namespace) }, namespace);
}

const platform: Omit<Platform, 'close'> = {
  run,
  // A function starts in a pod, and everything that a new PgManager sets off comes first.
  slotIn: 60,
  slowness: 2,
  image: target.postgresImage,
  storage: target.storage,
  restore: { image: target.postgresImage, owner, port: () => Promise.resolve(5432) },
  sql,
  prepareStorage,
  follow,
  post,
  subscribe,
  /** Pods that are ending are still there. */
  async awake() {
    const names = '{range .items[*]}{.metadata.labels.serving\\.knative\\.dev/service}{"\\n"}{end}';
    const ours = ['-n', 'aidboxops', '-l', 'serving.knative.dev/service'];
    return linesOf(await kubectl('get', 'pods', ...ours, '-o', `jsonpath=${names}`));
  },
};

async function remove(namespace: string): Promise<void> {
  await kubectl('delete', 'namespace', namespace, '--wait=false');
}

function sql(namespace: string): Sql {
  return async ({ pod, container }, text) => {
    const psql = ['psql', '-XAtq', '-h', '127.0.0.1', '-v', 'ON_ERROR_STOP=1', '-c', text];
    return linesOf(await kubectl('exec', '-n', namespace, pod, '-c', container, '--', ...psql));
  };
}

/** Storage of files has to belong to whoever writes to it. */
function prepareStorage(namespace: string, { name }: DatabaseShape): DatabaseShape['podSpec'] {
  const prepare = {
    name: 'storage',
    image: target.postgresImage,
    command: ['sh', '-euc', `mkdir -p "$WALG_FILE_PREFIX"; chown ${owner}:${owner} "$WALG_FILE_PREFIX"`],
    env: variablesOf(walgVariables(namespace, name)),
    securityContext: { runAsUser: 0 },
    volumeMounts: databaseMounts,
  };
  return { initContainers: [prepare] };
}
