/** Manifests for the tests, as one would write them; everything lives in namespace `ops` by default. */
import type { Manifest } from './cluster.ts';

/** A namespace. */
export function namespace(name: string, labels: Readonly<Record<string, string>> = {}): Manifest {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
}

/** The asynchronous Broker `default`. */
export const broker: Manifest = {
  apiVersion: 'eventing.knative.dev/v1',
  kind: 'Broker',
  metadata: { name: 'default', namespace: 'ops', annotations: { 'messaging.knative.dev/async-handler': 'true' } },
  spec: {},
};

/** Reference to that Broker. */
export const brokerRef = {
  ref: { apiVersion: 'eventing.knative.dev/v1', kind: 'Broker', name: 'default', namespace: 'ops' },
};

/** A Trigger of that Broker for events with these attributes, to a Service. */
export function trigger(name: string, attributes: Readonly<Record<string, string>>, service: string): Manifest {
  return {
    apiVersion: 'eventing.knative.dev/v1',
    kind: 'Trigger',
    metadata: { name, namespace: 'ops' },
    spec: {
      broker: 'default',
      filter: { attributes },
      subscriber: { ref: { apiVersion: 'serving.knative.dev/v1', kind: 'Service', name: service } },
    },
  };
}

/** A Service that runs the test function. */
export function service(name: string, env: Readonly<Record<string, string>>): Manifest {
  return {
    apiVersion: 'serving.knative.dev/v1',
    kind: 'Service',
    metadata: { name, namespace: 'ops', labels: { component: 'function' } },
    spec: {
      template: {
        spec: {
          serviceAccountName: name,
          containers: [
            {
              image: 'test',
              env: Object.entries(env).map(([variable, value]) => ({ name: variable, value })),
              readinessProbe: { httpGet: { path: '/healthz' } },
            },
          ],
        },
      },
    },
  };
}

/** A ServiceAccount. */
export function serviceAccount(name: string): Manifest {
  return { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace: 'ops' } };
}

/** A PingSource into that Broker. */
export function pingSource(name: string, namespaceName: string, spec: Readonly<Record<string, unknown>>): Manifest {
  return {
    apiVersion: 'sources.knative.dev/v1',
    kind: 'PingSource',
    metadata: { name, namespace: namespaceName },
    spec: { sink: brokerRef, ...spec },
  };
}
