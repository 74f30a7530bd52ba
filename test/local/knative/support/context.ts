/** A context without an API server: tests put the objects into its world themselves. */
import type { ApiClient } from '../../../../local/kubernetes/client/api-client.ts';
import type { Context } from '../../../../local/knative/core/context.ts';
import { emptyWorld } from '../../../../local/knative/core/objects.ts';
import type { TraceEvent } from '../../../../local/knative/core/trace.ts';
import type { Kube } from '../../../../functions/platform/kubernetes/client.ts';

/** A context with its trace and the means to end it. */
export interface TestContext {
  readonly context: Context;
  readonly trace: TraceEvent[];
  /** Returns the trace events of one kind. */
  of<K extends TraceEvent['kind']>(kind: K): Extract<TraceEvent, { kind: K }>[];
  end(): void;
}

/** Pauses are a thousandth of the real ones by default. */
export function testContext(overrides: Partial<Context> = {}): TestContext {
  const abort = new AbortController();
  const trace: TraceEvent[] = [];
  const context: Context = {
    api: tokenOnlyApi,
    kube: undefined as unknown as Kube,
    world: emptyWorld(),
    addresses: { broker: () => undefined, service: () => undefined },
    faults: {},
    pace: 0.001,
    signal: abort.signal,
    trace: (traceEvent) => void trace.push(traceEvent),
    ...overrides,
  };
  return {
    context,
    trace,
    of: <K extends TraceEvent['kind']>(kind: K) =>
      trace.filter((one): one is Extract<TraceEvent, { kind: K }> => one.kind === kind),
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
