/**
 * ApiServerSource: changes of objects as events. It never replays: objects that exist at its start or after a gap cause
 * no event, and a change while it does not watch is lost (eventing `pkg/adapter/apiserver`).
 *
 * Not copied: Knative rolls its adapter whenever a namespace comes or goes, with a short gap or overlap.
 */
import { messageOf } from '../../machine/error-message.ts';
import type { Context } from '../core/context.ts';
import { resolve } from '../core/destination.ts';
import { makeEvent, type CarriedEvent } from '../core/events.ts';
import { collectionPath, keyOf } from '../../kubernetes/client/objects.ts';
import { selectorText, selects } from '../../kubernetes/client/selector.ts';
import type { ApiServerSource, KnativeObject, WatchedResource } from '../core/objects.ts';
import { sendFromSource } from './source-sender.ts';
import { writeStatus, type Verdict } from '../core/status.ts';
import { watch, type WatchEvent } from '../../kubernetes/client/watch.ts';

/** One adapter: the watches of one source as it was when they began. */
interface Adapter {
  readonly fingerprint: string;
  readonly problems: Map<string, string>;
  readonly pending: Set<string>;
  stop(): void;
}

/** The adapters of all ApiServerSources. */
export interface ApiServerSources {
  /** Starts, restarts and stops adapters so that they fit the objects, and writes their statuses. */
  reconcile(): Promise<void>;
  stop(): void;
}

/** Starts with no adapters; `changed` asks for another `reconcile` when a watch came up or failed. */
export function createApiServerSources(context: Context, changed: () => void): ApiServerSources {
  const adapters = new Map<string, Adapter>();
  return {
    async reconcile() {
      const sources = context.world.apiServerSources;
      for (const key of [...adapters.keys()]) if (!sources.has(key)) drop(adapters, key);
      for (const source of sources.values()) {
        const sinkUri = resolve(source.spec.sink, source.metadata.namespace, context.addresses);
        if (sinkUri === undefined) drop(adapters, keyOf(source));
        else keep(context, adapters, { source, sinkUri, changed });
        await writeStatus(context, 'apiServerSources', source, judge(source, sinkUri, adapters.get(keyOf(source))));
      }
    },
    stop() {
      for (const key of [...adapters.keys()]) drop(adapters, key);
    },
  };
}

function drop(adapters: Map<string, Adapter>, key: string): void {
  adapters.get(key)?.stop();
  adapters.delete(key);
}

function judge(source: ApiServerSource, sinkUri: string | undefined, adapter: Adapter | undefined): Verdict {
  if (adapter === undefined) {
    const message = `the sink ${JSON.stringify(source.spec.sink)} has no address`;
    return { problem: { reason: 'SinkNotFound', message }, fields: {} };
  }
  const fields = { sinkUri };
  const [message] = adapter.problems.values();
  if (message !== undefined) return { problem: { reason: 'NoSufficientPermissions', message }, fields };
  if (adapter.pending.size === 0) return { fields };
  return { problem: { reason: 'Starting', message: `watches to come: ${[...adapter.pending].join(', ')}` }, fields };
}

interface Wiring {
  readonly source: ApiServerSource;
  readonly sinkUri: string;
  readonly changed: () => void;
}

function keep(context: Context, adapters: Map<string, Adapter>, wiring: Wiring): void {
  const { source, sinkUri } = wiring;
  const key = keyOf(source);
  const namespaces = namespacesOf(context, source);
  const fingerprint = JSON.stringify([source.metadata.uid, source.spec, sinkUri, namespaces]);
  if (adapters.get(key)?.fingerprint === fingerprint) return;
  drop(adapters, key);
  adapters.set(key, startAdapter(context, wiring, { namespaces, fingerprint }));
}

/** Own namespace without a selector, all (undefined: one watch over the cluster) with an empty one, else each match. */
function namespacesOf(context: Context, source: ApiServerSource): (string | undefined)[] {
  const selector = source.spec.namespaceSelector;
  if (selector === undefined) return [source.metadata.namespace];
  if (selectorText(selector) === undefined) return [undefined];
  return [...context.world.namespaces.values()]
    .filter(({ metadata }) => selects(selector, metadata.labels))
    .map(({ metadata }) => metadata.name)
    .sort();
}

interface Scope {
  readonly namespaces: readonly (string | undefined)[];
  readonly fingerprint: string;
}

function startAdapter(context: Context, wiring: Wiring, { namespaces, fingerprint }: Scope): Adapter {
  const abort = new AbortController();
  const adapter: Adapter = {
    fingerprint,
    problems: new Map(),
    pending: new Set(),
    stop: () => abort.abort(),
  };
  const signal = AbortSignal.any([abort.signal, context.signal]);
  for (const resource of wiring.source.spec.resources) {
    for (const namespace of namespaces) {
      void watchOne(context, { wiring, adapter, resource, path: pathOf(resource, namespace), signal });
    }
  }
  return adapter;
}

interface OneWatch {
  readonly wiring: Wiring;
  readonly adapter: Adapter;
  readonly resource: WatchedResource;
  readonly path: string;
  readonly signal: AbortSignal;
}

/** Events of one kind (and namespace) are sent one after the other: a slow sink holds up all that follow. */
function watchOne(context: Context, { wiring, adapter, resource, path, signal }: OneWatch): Promise<void> {
  const { source, sinkUri, changed } = wiring;
  const { namespace } = source.metadata;
  adapter.pending.add(path);
  return watch<KnativeObject>(context.api, {
    path,
    selection: { labelSelector: selectorText(resource.selector) },
    as: `system:serviceaccount:${namespace}:${source.spec.serviceAccountName ?? 'default'}`,
    signal,
    onEvent: (event) => sendFromSource(context, sinkUri, apiServerEvent(source, context.api.url, event)),
    onReady() {
      adapter.pending.delete(path);
      adapter.problems.delete(path);
      changed();
    },
    onTrouble(error) {
      const before = adapter.problems.get(path);
      adapter.problems.set(path, messageOf(error));
      if (before !== messageOf(error)) changed();
    },
  });
}

const verbs = { ADDED: 'add', MODIFIED: 'update', DELETED: 'delete' } as const;

/** The event of a change; in Reference mode (the default) its data only names the object. */
function apiServerEvent(source: ApiServerSource, url: string, event: WatchEvent<KnativeObject>): CarriedEvent {
  const { apiVersion, kind, metadata } = event.object;
  const { name, namespace } = metadata;
  const isWhole = source.spec.mode === 'Resource';
  return makeEvent({
    type: `dev.knative.apiserver.${isWhole ? 'resource' : 'ref'}.${verbs[event.type]}`,
    source: url,
    subject: `/apis/${apiVersion}/namespaces/${namespace}/${plural(kind)}/${name}`,
    extensions: { kind, apiversion: apiVersion, name, namespace, ...source.spec.ceOverrides?.extensions },
    contentType: 'application/json',
    data: Buffer.from(JSON.stringify(isWhole ? event.object : { apiVersion, kind, name, namespace })),
  });
}

function pathOf(resource: WatchedResource, namespace: string | undefined): string {
  return collectionPath(resource.apiVersion, plural(resource.kind), namespace);
}

/** Knative guesses the plural from the kind (apimachinery `UnsafeGuessKindToResource`); ours must be guessable. */
function plural(kind: string): string {
  const lower = kind.toLowerCase();
  if (lower.endsWith('s')) return `${lower}es`;
  return lower.endsWith('y') ? `${lower.slice(0, -1)}ies` : `${lower}s`;
}
