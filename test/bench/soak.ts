/** Twenty thousand events through one process, within the memory that its Service has. */
import type { Extent } from './extent.ts';
import { limited, memoryLimitOf } from './limits.ts';
import { concurrency, prepare, sendAll, tick } from './load.ts';
import { descriptorsOf, memoryOf } from './program.ts';
import { rounded } from './statistics.ts';
import type { Row, Table } from '../support/table.ts';

const steps = 10;
const managers = 10;

export async function benchSoak({ share }: Extent): Promise<Table> {
  const each = Math.round(2_000 * share);
  const limit = memoryLimitOf('schedule');
  const tomorrow = Math.floor(Date.now() / 1000) + 43_200;
  const { schedule, close } = await prepare(managers, tomorrow, (program) => limited(program, limit));
  const rows: Row[] = [];
  for (let step = 1; step <= steps; step += 1) {
    const again = await sendAll(schedule, each, (at) => tick(at % managers));
    rows.push({ events: step * each, again, ...weightOf(schedule.pid) });
  }
  await close();
  const [first, last] = [rows[0]!, rows.at(-1)!];
  const growth = rounded(Number(last['RSS MB']) / Number(first['RSS MB']));
  const descriptors = Number(last['descriptors']) - Number(first['descriptors']);
  return {
    title: 'Soak',
    method: `${steps * each} events through one process, ${concurrency} at a time; it has the memory limit of its Service, ${limit / 1024 ** 2} MiB. "Again" are events that were answered 503 at first.`,
    rows,
    targets: [
      { what: 'RSS after all against after 2 000', wanted: '≤ 1.15×', found: growth, met: growth <= 1.15 },
      { what: 'more descriptors', wanted: '≤ 0', found: descriptors, met: descriptors <= 0 },
    ],
  };
}

function weightOf(pid: number): Row {
  const { rss, private: own } = memoryOf(pid);
  return { 'RSS MB': rounded(rss), 'private MB': rounded(own), descriptors: descriptorsOf(pid) };
}
