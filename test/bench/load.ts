/** One process of the schedule function under load: a thousand slots in one second, and twenty thousand events in a row. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { rfc3339 } from '../../functions/domain/time.ts';
import { aManager } from '../support/builders.ts';
import { startFakeApi, type FakeApi } from './fake-api.ts';
import { descriptorsOf, memoryOf, startProgram, type RunningProgram } from './program.ts';
import { rounded } from './statistics.ts';
import type { Row, Table } from './table.ts';
import { buildVariants, shipped } from './variants.ts';

const managers = 1_000;
const events = 20_000;
/** As the Service allows one process. */
const concurrency = 10;
const backups = '/apis/aidbox.pg/v01/pgbackups';

interface Stage {
  readonly api: FakeApi;
  readonly schedule: RunningProgram;
  readonly close: () => Promise<void>;
}

/** Managers of as many StatefulSets, in ten namespaces, with a slot at `at` and nothing settled since the day before. */
async function prepare(count: number, at: number): Promise<Stage> {
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
  const sink = createServer(
    (request, response) => void request.resume().on('end', () => response.writeHead(202).end()),
  );
  await new Promise<void>((resolve) => sink.listen(0, '127.0.0.1', resolve));
  const program = shipped('schedule', api.kubeConfig);
  const sinkUrl = `http://127.0.0.1:${(sink.address() as AddressInfo).port}`;
  const schedule = await startProgram({ ...program, env: { ...program.env, K_SINK: sinkUrl } });
  return {
    api,
    schedule,
    async close() {
      await schedule.stop();
      sink.close();
      await api.close();
    },
  };
}

/** Sends `count` events, so many at a time; all have to be answered 204. */
async function sendAll(schedule: RunningProgram, count: number, event: (at: number) => object): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let at = next++; at < count; at = next++) {
      const status = await schedule.send(event(at));
      if (status !== 204) throw new Error(`event ${at} was answered ${status}`);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
}

function tick(at: number): object {
  const data = { namespace: `ns-${at % 10}`, name: `m-${at}` };
  return { id: `tick-${at}`, type: 'dev.knative.sources.ping', pgpurpose: 'slot', data };
}

export async function benchBurst(): Promise<Table> {
  const { api, schedule, close } = await prepare(managers, Math.floor(Date.now() / 1000) - 5);
  const begun = performance.now();
  await sendAll(schedule, managers, tick);
  const seconds = rounded((performance.now() - begun) / 1000);
  // All of them once more: nothing is made twice.
  await sendAll(schedule, managers, tick);
  const made = api.kube.all(backups).length;
  const twice = api.kube.writes.filter(({ verb }) => verb === 'create').length - made;
  const rss = rounded(memoryOf(schedule.pid).rss);
  const { connections } = api.counts;
  await close();
  return {
    title: 'Burst',
    method: `${managers} managers due in the same second, one process, ${concurrency} events at a time; every tick comes twice.`,
    rows: [{ managers, 'PgBackups made': made, seconds, 'RSS MB': rss, connections }],
    targets: [
      { what: 'all PgBackups exist', wanted: '≤ 30 s', found: seconds, met: made === managers && seconds <= 30 },
      { what: 'created twice', wanted: '0', found: twice, met: twice === 0 },
      { what: 'RSS', wanted: '≤ 130 MB', found: rss, met: rss <= 130 },
      { what: 'connections to the API server', wanted: '≤ 4', found: connections, met: connections <= 4 },
    ],
  };
}

/** Ticks of managers that are settled: each needs the API server. */
export async function benchSoak(): Promise<Table> {
  const { schedule, close } = await prepare(10, Math.floor(Date.now() / 1000) + 43_200);
  const rows: Row[] = [];
  for (let sent = 0; sent < events; sent += 2_000) {
    await sendAll(schedule, 2_000, (at) => tick(at % 10));
    rows.push({
      events: sent + 2_000,
      'RSS MB': rounded(memoryOf(schedule.pid).rss),
      descriptors: descriptorsOf(schedule.pid),
    });
  }
  await close();
  const [first, last] = [rows[0]!, rows.at(-1)!];
  const growth = rounded(Number(last['RSS MB']) / Number(first['RSS MB']));
  const descriptors = Number(last['descriptors']) - Number(first['descriptors']);
  return {
    title: 'Soak',
    method: `${events} events through one process, ${concurrency} at a time.`,
    rows,
    targets: [
      { what: 'RSS after all against after 2 000', wanted: '≤ 1.15×', found: growth, met: growth <= 1.15 },
      { what: 'more descriptors', wanted: '≤ 0', found: descriptors, met: descriptors <= 0 },
    ],
  };
}
