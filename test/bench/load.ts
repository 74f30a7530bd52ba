/** One process of the schedule function with managers to look after, and events for it. */
import { rfc3339 } from '../../functions/domain/time.ts';
import { aManager } from '../support/situations/objects.ts';
import { startFakeApi, type FakeApi } from './fake-api.ts';
import { startProgram, type Program, type RunningProgram } from './program.ts';
import { startSink } from './sink.ts';
import { buildVariants, shipped } from './variants.ts';

/** As the Service allows one process. */
export const concurrency = 10;

export interface Fixture {
  readonly api: FakeApi;
  readonly schedule: RunningProgram;
  readonly close: () => Promise<void>;
}

/** Managers of as many StatefulSets, in ten namespaces, with a slot at `at` and nothing settled since the day before. */
export async function prepare(
  count: number,
  at: number,
  under = (program: Program): Program => program,
): Promise<Fixture> {
  await buildVariants();
  const [time, since] = [rfc3339(at).slice(11, 19), rfc3339(at - 3_600)];
  const objects = Array.from({ length: count }, (_, number) =>
    aManager(`m-${number}`)
      .in(`ns-${number % 10}`)
      .of(`pg-${number}`)
      .at(time)
      .created(at - 3_600)
      .schedule({ at: time, suspended: false, since })
      .object(),
  );
  const api = await startFakeApi(objects);
  const sink = await startSink();
  const program = shipped('schedule', api.kubeConfig);
  const schedule = await startProgram(under({ ...program, env: { ...program.env, K_SINK: sink.url } }));
  return {
    api,
    schedule,
    async close() {
      await schedule.stop();
      await sink.close();
      await api.close();
    },
  };
}

/** Sends `count` events, so many at a time, and again what is answered 503, as a Trigger does; answers how many were. */
export async function sendAll(schedule: RunningProgram, count: number, event: (at: number) => object): Promise<number> {
  let next = 0;
  let again = 0;
  const worker = async (): Promise<void> => {
    for (let at = next++; at < count; at = next++) {
      while (!isDone(await schedule.send(event(at)))) again += 1;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return again;
}

function isDone(status: number): boolean {
  if (status !== 204 && status !== 503) throw new Error(`an event was answered ${status}`);
  return status === 204;
}

export function tick(at: number): object {
  const data = { namespace: `ns-${at % 10}`, name: `m-${at}` };
  return { id: `tick-${at}`, type: 'dev.knative.sources.ping', pgpurpose: 'slot', data };
}
