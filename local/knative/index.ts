/**
 * Stand-ins for Knative Eventing and Serving, driven by the very objects in the API server, so that the manifests of an
 * installation work as they are. Where they differ from Knative, the file that differs says so.
 */
import type { Kube } from '../../functions/platform/kubernetes/client.ts';
import { createActivator, type Activator } from './serving/activator.ts';
import { createApiServerSources } from './sources/api-server-source.ts';
import { startBroker, type BrokerServer } from './broker/broker.ts';
import type { Context, Faults } from './core/context.ts';
import type { BundleOf, FunctionState } from './serving/function.ts';
import { createWorkQueue } from '../kubernetes/client/work-queue.ts';
import type { ApiClient } from '../kubernetes/client/api-client.ts';
import { collections, emptyWorld, type CollectionName } from './core/objects.ts';
import type { TraceEvent } from './core/trace.ts';
import { createPingSources } from './sources/ping-source.ts';
import { reconcileSinkBindings } from './serving/sink-binding.ts';
import { reconcileBrokers, reconcileTriggers } from './broker/subscriptions.ts';
import { followCollection } from './core/world.ts';

export { knativeDefinitions } from './core/definitions.ts';
export type { Fault, Faults } from './core/context.ts';
export type { FunctionState } from './serving/function.ts';
export type { TraceEvent } from './core/trace.ts';

/** What the stand-ins need. */
export interface EventingOptions {
  /** Its user may do everything, impersonation and token requests included. */
  readonly api: ApiClient;
  readonly kube: Kube;
  /** Credentials and logs of the functions are written below it. */
  readonly dir: string;
  /** Which argv stands for a container of a Knative Service. */
  readonly bundleOf: BundleOf;
  readonly trace: (traceEvent: TraceEvent) => void;
  /** Test hook: what happens to deliveries. */
  readonly faults?: Faults;
  /** Test hook: factor for all waits (backoff, jitter, idle window); 1 is what Knative does. */
  readonly pace?: number;
}

/** The running stand-ins. */
export interface Eventing {
  /** Ingress of the first Broker seen; of all Brokers, below which `/<namespace>/<name>` follows, when there is none. */
  readonly brokerUrl: string;
  functions(): FunctionState[];
  /** Restarts the Broker: events on their way are lost; it is away for so many milliseconds. */
  restartBroker(downMs: number): Promise<void>;
  /** Stops sources, then functions (requests in flight are finished), then the Broker; nothing is left running. */
  stop(): Promise<void>;
}

const startTimeoutMs = 30_000;

/** Starts the stand-ins. The definitions (`knativeDefinitions`) must have been applied; objects may come at any time. */
export async function startEventing(options: EventingOptions): Promise<Eventing> {
  const abort = new AbortController();
  const world = emptyWorld();
  const parts: { activator?: Activator; broker?: BrokerServer } = {};
  const context: Context = {
    api: options.api,
    kube: options.kube,
    world,
    addresses: {
      broker: (key) => (world.brokers.has(key) ? `${parts.broker?.url}/${key}` : undefined),
      service: (key) => parts.activator?.url(key),
    },
    faults: options.faults ?? {},
    pace: options.pace ?? 1,
    signal: abort.signal,
    trace: options.trace,
  };
  const broker = (parts.broker = await startBroker(context));
  const queue = createWorkQueue(reconcile, (message) =>
    context.trace({ kind: 'trouble', what: 'stand-ins for Knative', message }),
  );
  const changed = (): void => queue.add('all objects');
  const activator = (parts.activator = createActivator(context, options, changed));
  const pingSources = createPingSources(context);
  const apiServerSources = createApiServerSources(context, changed);

  async function reconcile(): Promise<void> {
    await reconcileBrokers(context);
    await activator.reconcile();
    await Promise.all([reconcileTriggers(context), reconcileSinkBindings(context)]);
    await Promise.all([pingSources.reconcile(), apiServerSources.reconcile()]);
  }

  async function stop(): Promise<void> {
    abort.abort();
    pingSources.stop();
    apiServerSources.stop();
    await queue.stop();
    await activator.stop();
    await broker.close();
  }

  const names = Object.keys(collections) as CollectionName[];
  try {
    await Promise.all(names.map((name) => followCollection(context, name, changed, startTimeoutMs)));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    get brokerUrl() {
      const [first] = world.brokers.keys();
      return first === undefined ? broker.url : `${broker.url}/${first}`;
    },
    functions: () => activator.functions(),
    restartBroker: (downMs) => broker.restart(downMs),
    stop,
  };
}
