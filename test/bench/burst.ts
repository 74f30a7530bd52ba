/** A thousand slots in one second. */
import type { Extent } from './extent.ts';
import { concurrency, prepare, sendAll, tick } from './load.ts';
import { memoryOf } from './program.ts';
import { rounded } from './statistics.ts';
import type { Table } from '../support/table.ts';

const backups = '/apis/aidbox.pg/v01/pgbackups';

export async function benchBurst({ share }: Extent): Promise<Table> {
  const managers = Math.round(1_000 * share);
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
