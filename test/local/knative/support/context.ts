/** A context without an API server: tests put the objects into its world themselves. */
import type { ApiClient } from '../../../../local/kubernetes/client/api-client.ts';
import type { Context } from '../../../../local/knative/core/context.ts';
import { emptyWorld } from '../../../../local/knative/core/objects.ts';
import type { Observation } from '../../../../local/knative/core/observation.ts';
import type { Kube } from '../../../../functions/platform/kubernetes/client.ts';

/** A context with what it observed and the means to end it. */
export interface TestContext {
  readonly context: Context;
  readonly observed: Observation[];
  /** The observations of one kind. */
  of<K extends Observation['kind']>(kind: K): Extract<Observation, { kind: K }>[];
  end(): void;
}

/** Pauses are a thousandth of the real ones unless told otherwise. */
export function testContext(overrides: Partial<Context> = {}): TestContext {
  const abort = new AbortController();
  const observed: Observation[] = [];
  const context: Context = {
    api: tokenOnlyApi,
    kube: undefined as unknown as Kube,
    world: emptyWorld(),
    addresses: { broker: () => undefined, service: () => undefined },
    faults: {},
    pace: 0.001,
    signal: abort.signal,
    observe: (observation) => void observed.push(observation),
    ...overrides,
  };
  return {
    context,
    observed,
    of: <K extends Observation['kind']>(kind: K) =>
      observed.filter((one): one is Extract<Observation, { kind: K }> => one.kind === kind),
    end: () => abort.abort(),
  };
}

const tokenOnlyApi: ApiClient = {
  url: 'https://127.0.0.1:1',
  cluster: { server: 'https://127.0.0.1:1' },
  send: () => Promise.reject(new Error('not expected')),
  call: () =>
    Promise.resolve({
      status: { token: 'token', expirationTimestamp: new Date(Date.now() + 3_600_000).toISOString() },
    }),
  // eslint-disable-next-line @typescript-eslint/require-await
  async *lines() {
    yield* [];
  },
  close: () => undefined,
};
