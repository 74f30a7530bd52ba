/** Pod-seconds a day: activations of one manager from the simulation, multiplied on paper, held up as Knative does. */
import { activationsOfDay, type Activity } from '../simulation/activity.ts';
import { manifests } from '../simulation/eventing.ts';
import { slot } from '../simulation/script.ts';
import { rounded } from './statistics.ts';
import type { Row, Table } from '../support/table.ts';

const day = 86_400;
const fleets = [1, 100, 10_000] as const;

/**
 * Knative keeps a pod up for its window after the last request, takes it away a moment later (1 to 9 s on the real
 * cluster of `npm run e2e`), and lets it drain for 30 s.
 */
const afterWindow = 35;
const defaultWindow = 60;

/** Seconds that a sweep takes for a manager, and that a probe takes for the exec of one; so many execs at once. */
const sweepOfOne = 0.004;
const probeOfOne = 0.3;
const execsAtOnce = 25;

interface Service {
  readonly name: string;
  readonly window: number;
  readonly maxScale: number;
  readonly concurrency: number;
}

interface Fleet {
  readonly managers: number;
  /** Whether every slot is in the same second; else they are spread evenly over the day. */
  readonly together: boolean;
}

/** A time during which so many pods have something to do. */
interface Busy {
  readonly begin: number;
  readonly end: number;
  readonly pods: number;
}

export async function benchDutyCycle(): Promise<Table> {
  const activities = await activationsOfDay();
  const services = manifests('services.yaml').map((manifest) => serviceOf(manifest as unknown as Manifest));
  const rows = fleets.flatMap((managers) =>
    (managers === 1 ? [false] : [false, true]).map((together) => rowOf(services, activities, { managers, together })),
  );
  return {
    title: 'Duty cycle',
    method: `Pod-seconds a day. The activations of a day with one slot, 4 s of wal-g and one deletion come from the simulation; every manager has them around its own slot, and makes sweeps ${sweepOfOne * 1000} ms longer and probes by one exec of ${probeOfOne * 1000} ms. A pod stays up for its window (${services[0]?.window} s in the manifests, ${defaultWindow} s by Knative's default) and ${afterWindow} s after the last answer. Each minute of a longer backup adds 60. A resident operator: ${day}.`,
    rows,
  };
}

function rowOf(services: readonly Service[], activities: readonly Activity[], fleet: Fleet): Row {
  const podSeconds = (service: Service, window: number): number => {
    const own = activities.filter((activity) => activity.function === service.name);
    return upTime(
      own.flatMap((activity) => busyOf(service, activity, fleet)),
      window + afterWindow,
    );
  };
  const each = services.map((service): [string, number] => [service.name, podSeconds(service, service.window)]);
  const total = each.reduce((sum, [, seconds]) => sum + seconds, 0);
  return {
    managers: fleet.managers,
    slots: fleet.together ? 'in one second' : 'over the day',
    ...Object.fromEntries(each),
    total,
    'of a resident': rounded(total / day),
    [`total, window ${defaultWindow} s`]: services.reduce((sum, one) => sum + podSeconds(one, defaultWindow), 0),
  };
}

/** When all managers' like of this activation keep pods busy. */
function busyOf(service: Service, { cause, begin, end }: Activity, { managers, together }: Fleet): Busy[] {
  const { concurrency, maxScale } = service;
  const pods = (requests: number): number => Math.min(maxScale, Math.ceil(requests / concurrency));
  if (cause === 'sweep') return [{ begin, end: end + managers * sweepOfOne, pods: 1 }];
  if (cause === 'probe') {
    const width = pods(managers / execsAtOnce / 2);
    return [{ begin, end: end + (managers * probeOfOne) / (width * concurrency * execsAtOnce), pods: width }];
  }
  if (together) {
    const turns = Math.ceil(managers / (concurrency * maxScale));
    return [{ begin, end: begin + (end - begin) * turns, pods: pods(managers) }];
  }
  return Array.from({ length: managers }, (_, number) => {
    const shift = ((number * day) / managers - slot + 2 * day) % day;
    return { begin: begin + shift, end: end + shift, pods: 1 };
  });
}

/** Pod-seconds of a day when pods stay up `after` seconds; the day goes round. */
function upTime(busy: readonly Busy[], after: number): number {
  const pods = new Uint8Array(day);
  for (const { begin, end, pods: count } of busy) {
    for (let second = Math.floor(begin); second < end + after; second += 1) {
      pods[second % day] = Math.max(pods[second % day] ?? 0, count);
    }
  }
  return pods.reduce((sum, count) => sum + count, 0);
}

interface Manifest {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly template: {
      readonly metadata: { readonly annotations: Readonly<Record<string, string>> };
      readonly spec: { readonly containerConcurrency: number };
    };
  };
}

function serviceOf({ metadata, spec }: Manifest): Service {
  const { annotations } = spec.template.metadata;
  return {
    name: metadata.name,
    window: Number.parseInt(annotations['autoscaling.knative.dev/window'] ?? '', 10),
    maxScale: Number(annotations['autoscaling.knative.dev/max-scale']),
    concurrency: spec.template.spec.containerConcurrency,
  };
}
