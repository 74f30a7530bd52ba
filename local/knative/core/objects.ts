/** The Knative objects, as far as the stand-ins read them; the definitions (definitions.ts) guarantee these shapes. */

/** Where events go: an addressable object, an absolute URI, or an object and a path below it. */
export interface Destination {
  readonly ref?: {
    readonly apiVersion?: string | undefined;
    readonly kind: string;
    readonly name: string;
    readonly namespace?: string | undefined;
  };
  readonly uri?: string;
}

/** `delivery` of a Broker or Trigger. */
export interface DeliverySpec {
  readonly deadLetterSink?: Destination;
  readonly retry?: number;
  readonly backoffPolicy?: 'linear' | 'exponential';
  readonly backoffDelay?: string;
  readonly timeout?: string;
}

/** One dialect of `filters`; exactly one field is set. */
export interface TriggerFilter {
  readonly exact?: Readonly<Record<string, string>>;
  readonly prefix?: Readonly<Record<string, string>>;
  readonly suffix?: Readonly<Record<string, string>>;
  readonly all?: readonly TriggerFilter[];
  readonly any?: readonly TriggerFilter[];
  readonly not?: TriggerFilter;
}

interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason?: string;
  readonly message?: string;
  readonly lastTransitionTime?: string;
}

/** What every stored Knative object has. */
export interface Stored {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly generation: number;
    readonly deletionTimestamp?: string;
    readonly finalizers?: readonly string[];
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly [key: string]: unknown;
  };
  readonly status?: { readonly conditions?: readonly Condition[]; readonly [key: string]: unknown };
}

interface CloudEventOverrides {
  readonly extensions?: Readonly<Record<string, string>>;
}

/** sources.knative.dev/v1 PingSource. */
export interface PingSource extends Stored {
  readonly spec: {
    readonly schedule: string;
    readonly timezone?: string;
    readonly contentType?: string;
    readonly data?: string;
    readonly dataBase64?: string;
    readonly sink: Destination;
    readonly ceOverrides?: CloudEventOverrides;
  };
}

/** Which objects an ApiServerSource watches. */
export interface WatchedResource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly selector?: LabelSelector;
}

/** Kubernetes label selector. */
export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
    readonly values?: readonly string[];
  }[];
}

/** sources.knative.dev/v1 ApiServerSource. */
export interface ApiServerSource extends Stored {
  readonly spec: {
    readonly resources: readonly WatchedResource[];
    readonly mode?: 'Reference' | 'Resource';
    readonly serviceAccountName?: string;
    readonly namespaceSelector?: LabelSelector;
    readonly sink: Destination;
    readonly ceOverrides?: CloudEventOverrides;
  };
}

/** sources.knative.dev/v1 SinkBinding. */
export interface SinkBinding extends Stored {
  readonly spec: {
    readonly subject: {
      readonly apiVersion: string;
      readonly kind: string;
      readonly namespace?: string;
      readonly name?: string;
      readonly selector?: LabelSelector;
    };
    readonly sink: Destination;
    readonly ceOverrides?: CloudEventOverrides;
  };
}

/** eventing.knative.dev/v1 Broker. */
export interface Broker extends Stored {
  readonly spec: { readonly delivery?: DeliverySpec };
}

/** eventing.knative.dev/v1 Trigger. */
export interface Trigger extends Stored {
  readonly spec: {
    readonly broker: string;
    readonly filter?: { readonly attributes?: Readonly<Record<string, string>> };
    readonly filters?: readonly TriggerFilter[];
    readonly subscriber: Destination;
    readonly delivery?: DeliverySpec;
  };
}

/** The one container of a function. */
export interface Container {
  readonly image: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: unknown }[];
  readonly envFrom?: readonly unknown[];
  readonly readinessProbe?: { readonly httpGet?: { readonly path?: string } };
}

/** serving.knative.dev/v1 Service. */
export interface KnativeService extends Stored {
  readonly spec: {
    readonly template: {
      readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> };
      readonly spec: {
        readonly containers: readonly Container[];
        readonly serviceAccountName?: string;
        readonly containerConcurrency?: number;
        readonly timeoutSeconds?: number;
      };
    };
  };
}

/** Group, version and plural of the kinds, by the name of their collection in `World`. */
export const collections = {
  namespaces: { apiVersion: 'v1', plural: 'namespaces' },
  brokers: { apiVersion: 'eventing.knative.dev/v1', plural: 'brokers' },
  triggers: { apiVersion: 'eventing.knative.dev/v1', plural: 'triggers' },
  services: { apiVersion: 'serving.knative.dev/v1', plural: 'services' },
  pingSources: { apiVersion: 'sources.knative.dev/v1', plural: 'pingsources' },
  apiServerSources: { apiVersion: 'sources.knative.dev/v1', plural: 'apiserversources' },
  sinkBindings: { apiVersion: 'sources.knative.dev/v1', plural: 'sinkbindings' },
} as const;

/** Everything the stand-ins act on, as it was last seen, by `keyOf`. */
export interface World {
  readonly namespaces: Map<string, Stored>;
  readonly brokers: Map<string, Broker>;
  readonly triggers: Map<string, Trigger>;
  readonly services: Map<string, KnativeService>;
  readonly pingSources: Map<string, PingSource>;
  readonly apiServerSources: Map<string, ApiServerSource>;
  readonly sinkBindings: Map<string, SinkBinding>;
}

/** Name of a collection in `World`. */
export type CollectionName = keyof World;

/** A world in which nothing has been seen yet. */
export function emptyWorld(): World {
  return {
    namespaces: new Map(),
    brokers: new Map(),
    triggers: new Map(),
    services: new Map(),
    pingSources: new Map(),
    apiServerSources: new Map(),
    sinkBindings: new Map(),
  };
}

/** `namespace/name`, or the name alone of something without a namespace. */
export function keyOf(object: Stored): string {
  const { namespace, name } = object.metadata as { namespace?: string; name: string };
  return namespace === undefined ? name : `${namespace}/${name}`;
}

/** API path of a collection over all namespaces, or in one. */
export function collectionPath(apiVersion: string, plural: string, namespace?: string): string {
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  return namespace === undefined ? `${root}/${plural}` : `${root}/namespaces/${namespace}/${plural}`;
}

/** API path of an object of one of our collections. */
export function objectPath(collection: CollectionName, object: Stored): string {
  const { apiVersion, plural } = collections[collection];
  return `${collectionPath(apiVersion, plural, object.metadata.namespace)}/${object.metadata.name}`;
}

/** The condition `Ready` is True. */
export function isReady(object: Stored): boolean {
  return object.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}

/** Whether labels satisfy a selector; an empty selector is satisfied by everything. */
export function selects(selector: LabelSelector, labels: Readonly<Record<string, string>> = {}): boolean {
  const wanted = Object.entries(selector.matchLabels ?? {});
  if (!wanted.every(([key, value]) => labels[key] === value)) return false;
  return (selector.matchExpressions ?? []).every(({ key, operator, values = [] }) => {
    const actual = labels[key];
    if (operator === 'Exists') return actual !== undefined;
    if (operator === 'DoesNotExist') return actual === undefined;
    const contained = actual !== undefined && values.includes(actual);
    return operator === 'In' ? contained : !contained;
  });
}

/** The text form of a selector, for `labelSelector=`; undefined when it selects everything. */
export function selectorText(selector: LabelSelector | undefined): string | undefined {
  const labels = Object.entries(selector?.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`);
  const expressions = (selector?.matchExpressions ?? []).map(({ key, operator, values = [] }) => {
    if (operator === 'Exists') return key;
    if (operator === 'DoesNotExist') return `!${key}`;
    return `${key} ${operator.toLowerCase()} (${values.join(',')})`;
  });
  const text = [...labels, ...expressions].join(',');
  return text === '' ? undefined : text;
}
