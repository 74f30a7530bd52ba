/** From a sink or subscriber in a manifest to a URL. */
import type { Destination } from './objects.ts';

/** Where the addressable objects listen, by `namespace/name`; undefined when there is no such object. */
export interface Addresses {
  broker(key: string): string | undefined;
  service(key: string): string | undefined;
}

/**
 * An absolute `uri`, or the address of `ref` with a relative `uri` as its path. An empty `ref.namespace` is the
 * namespace of the object that refers; another namespace is allowed (pkg `resolver/addressable_resolver.go`).
 */
export function resolve(
  destination: Destination | undefined,
  namespace: string,
  addresses: Addresses,
): string | undefined {
  if (destination === undefined) return undefined;
  const { ref, uri } = destination;
  if (ref === undefined) return uri;
  const key = `${ref.namespace ?? namespace}/${ref.name}`;
  const base = isKnativeService(ref)
    ? addresses.service(key)
    : ref.kind === 'Broker'
      ? addresses.broker(key)
      : undefined;
  if (base === undefined || uri === undefined) return base;
  return new URL(uri, base).href;
}

/** A short name for people: the object referred to, else the URI. */
export function nameOf(destination: Destination | undefined): string {
  return destination?.ref?.name ?? destination?.uri ?? '';
}

function isKnativeService(ref: NonNullable<Destination['ref']>): boolean {
  return ref.kind === 'Service' && (ref.apiVersion ?? '').startsWith('serving.knative.dev/');
}
