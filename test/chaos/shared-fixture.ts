/** One local environment for all cases, with what is between its parts: a forwarder, a consumer, a watch, the hook for events. */
import { startEnvironment } from '../../local/environment.ts';
import type { TraceEvent } from '../../local/knative/index.ts';
import { createProgress } from '../../local/machine/progress.ts';
import { subscribe } from '../support/outside.ts';
import { openForwarder } from '../support/forwarder.ts';
import { watchHistory } from './history.ts';
import { createInterference } from './interference.ts';
import type { SharedFixture } from './fixture.ts';
import { installWalg } from './wal-g.ts';

/** Starts everything below a directory. */
export async function openSharedFixture(dir: string): Promise<SharedFixture & { close(): Promise<void> }> {
  const observations: TraceEvent[] = [];
  const interference = createInterference();
  const environment = await startEnvironment({
    dir,
    progress: createProgress(),
    eventing: { faults: interference.faults },
    trace: (observation) => void observations.push(observation),
  });
  try {
    const kubelet = await openForwarder(environment.kubeletPort);
    const address = { status: { daemonEndpoints: { kubeletEndpoint: { Port: kubelet.port } } } };
    const patch = ['patch', 'node', 'local', '--subresource=status', '--type=merge', '-p', JSON.stringify(address)];
    await environment.kubectl(patch);
    const consumer = await subscribe(environment);
    const history = watchHistory(environment.api);
    return {
      environment,
      observations,
      history,
      interference,
      kubelet,
      path: installWalg(environment),
      factsOf: (id) => consumer.seen.filter((event) => event.id === id).map(factOf),
      async close() {
        history.stop();
        await environment.stop();
        await consumer.close();
        await kubelet.close();
      },
    };
  } catch (error) {
    await environment.stop();
    throw error;
  }
}

/** What an event says, but for its words: they may be newer when it is told again. */
function factOf({ data, type }: { data: unknown; type: string }): string {
  return `${type} ${JSON.stringify({ ...(data as object), message: '' })}`;
}
