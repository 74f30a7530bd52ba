/** KnativeObject objects for tests without an API server. */
import type { Broker, KnativeService, KnativeObject, Trigger } from '../../../../local/knative/core/objects.ts';

function metadata(name: string, annotations: Readonly<Record<string, string>> = {}): KnativeObject['metadata'] {
  return { name, namespace: 'ops', uid: `uid-${name}`, resourceVersion: '1', generation: 1, annotations };
}

/** Broker `ops/default`; asynchronous by default. */
export function storedBroker(delivery?: Broker['spec']['delivery'], isAsync = true): Broker {
  return {
    apiVersion: 'eventing.knative.dev/v1',
    kind: 'Broker',
    metadata: metadata('default', isAsync ? { 'messaging.knative.dev/async-handler': 'true' } : {}),
    spec: delivery === undefined ? {} : { delivery },
  };
}

/** A ready Trigger of that Broker. */
export function storedTrigger(name: string, spec: Omit<Trigger['spec'], 'broker'>, ready = 'True'): Trigger {
  return {
    apiVersion: 'eventing.knative.dev/v1',
    kind: 'Trigger',
    metadata: metadata(name),
    spec: { broker: 'default', ...spec },
    status: { conditions: [{ type: 'Ready', status: ready }] },
  };
}

/** A container with what every function has. */
const container = { image: 'test', readinessProbe: { httpGet: { path: '/healthz' } } };

/** A Service with one container. */
export function storedService(
  template: Partial<KnativeService['spec']['template']['spec']> = {},
  annotations: Readonly<Record<string, string>> = {},
): KnativeService {
  return {
    apiVersion: 'serving.knative.dev/v1',
    kind: 'Service',
    metadata: metadata('worker'),
    spec: { template: { metadata: { annotations }, spec: { containers: [container], ...template } } },
  };
}
