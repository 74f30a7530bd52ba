/** Stand-ins and Knative's adapters side by side on one environment: the same objects, one sink, and what came from each. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { getProgram } from '../../tools/cluster/assets/programs.ts';
import type { ApiServerSource } from '../../local/knative/core/objects.ts';
import { collectionPath } from '../../local/kubernetes/client/objects.ts';
import { selectorText } from '../../local/kubernetes/client/selector.ts';
import { createProgress } from '../../local/machine/progress.ts';
import { eventually } from '../support/eventually.ts';
import { openLocalCluster, type LocalCluster } from '../support/local-cluster.ts';
import { senders, startAdapter, startRecorder, type Adapter, type Attempt, type Sender } from './knative-adapters.ts';

/** A manifest with a namespace. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string; readonly [key: string]: unknown };
  readonly [key: string]: unknown;
}

/** Everything of an event but its id and time. */
export interface Form {
  readonly attributes: Readonly<Record<string, string>>;
  readonly contentType: string | undefined;
  readonly data: unknown;
}

/** The two sides. Namespaces `side` and `other` are for objects of the tests. */
export interface Sides {
  readonly cluster: LocalCluster;
  readonly sinkUrl: string;
  put(object: Manifest): Promise<void>;
  putStatus(object: Manifest, status: object): Promise<void>;
  remove(object: Manifest): Promise<void>;
  /** Puts the source and starts an adapter of Knative for it, with the rights of its ServiceAccount. */
  bothWatch(source: ApiServerSource): Promise<Adapter>;
  /** What a side has posted to a path, in order. */
  sentBy(sender: Sender, path: string): Attempt[];
  /** Waits until each side has posted so many that fit. */
  fromBoth(path: string, fits?: (attempt: Attempt) => boolean, count?: number): Promise<void>;
  /** Fails unless both have posted the same; gives it, sorted by kind. */
  compare(path: string, fits: (attempt: Attempt) => boolean): Form[];
  close(): Promise<void>;
}

const knativeNamespace = 'knative-eventing';
const rbac = 'rbac.authorization.k8s.io/v1';
/** May watch ConfigMaps of its namespace. */
const watcher = { name: 'watcher', namespace: 'side' };
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const utcTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;

/** Starts an environment whose functions hear of Knative's adapters only; `answerTo` is the sink's. */
export async function openSides(name: string, answerTo: (attempt: Attempt) => number): Promise<Sides> {
  const progress = createProgress();
  const programs = {
    ping: await getProgram(progress, 'mtping'),
    apiServer: await getProgram(progress, 'apiserver_receive_adapter'),
  };
  const undo: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    const recorder = await startRecorder(answerTo);
    undo.push(() => recorder.close());
    // What a stand-in has for the Broker is lost, what it has for the recorder is compared.
    const losesFromSource = (_event: unknown, sinkUri: string): boolean => !sinkUri.startsWith(recorder.url);
    const cluster = await openLocalCluster(name, { eventing: { faults: { losesFromSource } } });
    undo.push(() => cluster.close());
    const adapters: Adapter[] = [];
    undo.push(async () => void (await Promise.all(adapters.map((adapter) => adapter.stop()))));
    await prepare(cluster);
    const dir = join(cluster.environment.dir, 'knative');
    mkdirSync(dir, { recursive: true });
    adapters.push(startPing(cluster, programs.ping, join(dir, 'mtping.log')));
    return {
      ...actions(cluster),
      ...listening(recorder.attempts, adapters),
      cluster,
      sinkUrl: recorder.url,
      bothWatch,
      close,
    };

    async function bothWatch(source: ApiServerSource): Promise<Adapter> {
      await actions(cluster).put(source as unknown as Manifest);
      const { name: sourceName, namespace } = source.metadata;
      const account = source.spec.serviceAccountName ?? 'default';
      const kubeConfig = join(dir, `${namespace}-${account}.kubeconfig`);
      await writeKubeConfig(cluster, { namespace, account, path: kubeConfig });
      const env = { ...adapterEnvironment(source), KUBECONFIG: kubeConfig };
      const adapter = startAdapter({ program: programs.apiServer, env, log: join(dir, `${sourceName}.log`) });
      adapters.push(adapter);
      return adapter;
    }
  } catch (error) {
    await close();
    throw error;
  }
}

async function prepare(cluster: LocalCluster): Promise<void> {
  // What these two would wake changes objects: every change here is to be one of the test's.
  await cluster.kubectl('delete', 'pingsources', '-n', 'aidboxops', '--all');
  const namespaces = [knativeNamespace, 'side', 'other'];
  await cluster.apply(...namespaces.map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })));
  const configuration = ['config-logging', 'config-observability'];
  await cluster.apply(
    ...configuration.map((name) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, namespace: knativeNamespace },
    })),
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: watcher },
    {
      apiVersion: rbac,
      kind: 'Role',
      metadata: watcher,
      rules: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list', 'watch'] }],
    },
    {
      apiVersion: rbac,
      kind: 'RoleBinding',
      metadata: watcher,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'watcher' },
      subjects: [{ kind: 'ServiceAccount', ...watcher }],
    },
  );
}

function startPing(cluster: LocalCluster, program: string, log: string): Adapter {
  const env = {
    KUBECONFIG: cluster.environment.kubeConfigPath,
    NAMESPACE: knativeNamespace,
    SYSTEM_NAMESPACE: knativeNamespace,
    // Another zone than that of the schedules shows that `timezone` decides.
    TZ: 'Asia/Kolkata',
    // Nobody takes over when it ends: it need not wait for the minute to pass.
    K_NO_SHUTDOWN_AFTER: '0',
  };
  return startAdapter({ program, args: ['--disable-ha'], env, log });
}

function actions({ environment: { kube } }: LocalCluster): Pick<Sides, 'put' | 'putStatus' | 'remove'> {
  const options = { fieldManager: 'test', force: true } as const;
  return {
    async put(object) {
      await kube.apply(pathOf(object), object, options);
    },
    async putStatus(object, status) {
      const { apiVersion, kind, metadata } = object;
      const body = { apiVersion, kind, metadata: { name: metadata.name, namespace: metadata.namespace }, status };
      await kube.apply(pathOf(object), body, { ...options, subresource: 'status' });
    },
    async remove(object) {
      await kube.remove(pathOf(object));
    },
  };
}

function pathOf({ apiVersion, kind, metadata }: Manifest): string {
  return `${collectionPath(apiVersion, `${kind.toLowerCase()}s`, metadata.namespace)}/${metadata.name}`;
}

/** As Knative's controller starts its adapter (eventing `pkg/reconciler/apiserversource/resources`). */
function adapterEnvironment({ metadata, spec }: ApiServerSource): Record<string, string> {
  const isEverywhere = spec.namespaceSelector !== undefined;
  const config = {
    namespaces: isEverywhere ? [''] : [metadata.namespace],
    allNamespaces: isEverywhere,
    mode: spec.mode ?? 'Reference',
    resources: spec.resources.map(({ apiVersion, kind, selector }) => {
      const [version, group = ''] = apiVersion.split('/').reverse();
      const gvr = { Group: group, Version: version, Resource: `${kind.toLowerCase()}s` };
      return { gvr, selector: selectorText(selector) ?? '' };
    }),
  };
  return {
    NAME: metadata.name,
    NAMESPACE: metadata.namespace,
    SYSTEM_NAMESPACE: knativeNamespace,
    K_SINK: spec.sink.uri ?? '',
    K_CE_OVERRIDES: JSON.stringify(spec.ceOverrides ?? {}),
    K_SOURCE_CONFIG: JSON.stringify(config),
  };
}

async function writeKubeConfig(
  cluster: LocalCluster,
  { namespace, account, path }: { readonly namespace: string; readonly account: string; readonly path: string },
): Promise<void> {
  const token = await cluster.kubectl('create', 'token', '-n', namespace, account);
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': account,
    clusters: [{ name: 'local', cluster: cluster.environment.api.cluster }],
    users: [{ name: account, user: { token: token.trim() } }],
    contexts: [{ name: account, context: { cluster: 'local', user: account } }],
  };
  writeFileSync(path, JSON.stringify(config), { mode: 0o600 });
}

function listening(
  attempts: readonly Attempt[],
  adapters: readonly Adapter[],
): Pick<Sides, 'sentBy' | 'fromBoth' | 'compare'> {
  const sentBy = (sender: Sender, path: string): Attempt[] =>
    attempts.filter((attempt) => attempt.sender === sender && attempt.path === path);
  return {
    sentBy,
    async fromBoth(path, fits = () => true, count = 1) {
      for (const sender of senders) {
        await eventually(`${path} from ${sender}`, () => {
          for (const adapter of adapters) adapter.check();
          return sentBy(sender, path).filter(fits).length >= count;
        });
      }
    },
    compare(path, fits) {
      const [theirs = [], ours = []] = senders.map((sender) => sentBy(sender, path).filter(fits));
      for (const attempt of [...theirs, ...ours]) assertForms(attempt);
      // Kinds are watched one by one: only within a kind there is an order.
      const forms = (list: readonly Attempt[]): Form[] =>
        list.map(formOf).sort((a, b) => kindOf(a).localeCompare(kindOf(b)));
      assert.deepEqual(forms(ours), forms(theirs), path);
      return forms(theirs);
    },
  };
}

function kindOf({ attributes }: Form): string {
  return attributes['ce-kind'] ?? '';
}

/** An event without what is different each time. */
export function formOf({ headers, body }: Attempt): Form {
  const attributes = Object.entries(headers).filter(
    ([name]) => name.startsWith('ce-') && name !== 'ce-id' && name !== 'ce-time',
  );
  const contentType = headers['content-type'];
  const data: unknown = contentType === 'application/json' ? JSON.parse(body.toString()) : body.toString('latin1');
  return { attributes: Object.fromEntries(attributes), contentType, data };
}

function assertForms({ headers, sender }: Attempt): void {
  assert.match(headers['ce-id'] ?? '', uuid, sender);
  assert.match(headers['ce-time'] ?? '', utcTime, sender);
}
