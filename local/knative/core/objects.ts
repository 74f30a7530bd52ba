/** The Knative objects, as far as the stand-ins read them; the definitions (definitions.ts) guarantee these shapes. */
import { collectionPath, type Metadata, type Stored } from '../../kubernetes/client/objects.ts';
import type { LabelSelector } from '../../kubernetes/client/selector.ts';

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

/** One dialect of `filters`, of those that our manifests use; exactly one field is set. */
export interface TriggerFilter {
  readonly exact?: Readonly<Record<string, string>>;
  readonly prefix?: Readonly<Record<string, string>>;
  readonly any?: readonly TriggerFilter[];
}

/** What every Knative object has. */
export interface KnativeObject extends Stored {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Metadata & { readonly namespace: string };
}

interface CloudEventOverrides {
  readonly extensions?: Readonly<Record<string, string>>;
}

/** sources.knative.dev/v1 PingSource. */
export interface PingSource extends KnativeObject {
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

/** sources.knative.dev/v1 ApiServerSource. */
export interface ApiServerSource extends KnativeObject {
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
export interface SinkBinding extends KnativeObject {
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
export interface Broker extends KnativeObject {
  readonly spec: { readonly delivery?: DeliverySpec };
}

/** eventing.knative.dev/v1 Trigger. */
export interface Trigger extends KnativeObject {
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
export interface KnativeService extends KnativeObject {
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

/** API path of an object of one of our collections. */
export function objectPath(collection: CollectionName, object: KnativeObject): string {
  const { apiVersion, plural } = collections[collection];
  return `${collectionPath(apiVersion, plural, object.metadata.namespace)}/${object.metadata.name}`;
}
