/** PingSources: those that the functions make, and the two of the installation. */
import type { Change, Plain, Stored } from '../support/api-model.ts';
import { manifests, type Eventing } from './eventing.ts';
import type { World } from './world.ts';

interface Spec {
  readonly schedule: string;
  readonly data?: string;
  readonly ceOverrides: { readonly extensions: Readonly<Record<string, string>> };
}

/** A half-minute timer that has been ticking this long ticks less often: lost ticks that cost nothing to simulate. */
const patience = [
  { age: 60_000, pause: 85_000 },
  { age: 15 * 60_000, pause: 230_000 },
  { age: 2 * 3_600_000, pause: 880_000 },
] as const;

/** Ticks come to the broker from now on. */
export function startPings(world: World, eventing: Eventing): void {
  const { scheduler, random } = world;
  let serial = 0;

  function fire(namespace: string, name: string, { ceOverrides, data }: Spec): void {
    if (world.outages.pings) return;
    serial += 1;
    const id = `ping-${serial}`;
    if (!eventing.quiet.wanted(ceOverrides.extensions['pgpurpose'] ?? '', id)) return;
    const event = {
      specversion: '1.0',
      id,
      type: 'dev.knative.sources.ping',
      source: `/apis/v1/namespaces/${namespace}/pingsources/${name}`,
      ...ceOverrides.extensions,
      ...(data === undefined ? {} : { data: JSON.parse(data) as unknown }),
    };
    eventing.accept(event);
  }

  function arm(spec: Spec, live: () => boolean, fireNow: () => void): void {
    const armed = scheduler.now();
    const daily = spec.schedule.endsWith(' * * *') && !spec.schedule.endsWith(' * * * *');
    function next(): void {
      const pause = spec.schedule.endsWith('* * * * *')
        ? (patience.findLast(({ age }) => scheduler.now() - armed > age)?.pause ?? 0)
        : 0;
      const at = nextFire(spec.schedule, scheduler.now() + pause);
      // mtping's own clock may be ahead of the API server's.
      const skew = daily && world.noise.late > 0 ? random.between(-4_000, 1_000) : random.between(0, 200);
      scheduler.at(Math.max(scheduler.now(), at + skew), () => {
        if (!live()) return;
        fireNow();
        scheduler.at(at + 1_500, next);
      });
    }
    next();
  }

  function changed({ verb, path, object, old }: Change): void {
    if (object.kind !== 'PingSource' || verb === 'delete') return;
    const spec = object['spec'] as Spec;
    if (old !== undefined && (old['spec'] as Spec).schedule === spec.schedule) return;
    const live = (): boolean => isLive(world.api.get(path), object, spec);
    // Ready within a second.
    scheduler.at(scheduler.now() + random.between(100, 1_000), () =>
      arm(spec, live, () => fire(object.metadata.namespace, object.metadata.name, spec)),
    );
  }

  world.api.watch(changed);
  for (const { kind, metadata, spec } of manifests('sources.yaml')) {
    const { name } = metadata as { name: string };
    if (kind === 'PingSource')
      arm(
        spec as Spec,
        () => true,
        () => fire('aidboxops', name, spec as Spec),
      );
  }
}

function isLive(now: Stored | undefined, then: Stored, spec: Spec): boolean {
  if (now?.metadata.uid !== then.metadata.uid || now.metadata.deletionTimestamp !== undefined) return false;
  return ((now as Plain)['spec'] as Spec).schedule === spec.schedule;
}

/** What a schedule asks for, in milliseconds since midnight or, when it comes each minute, since the full minute. */
interface Times {
  readonly period: number;
  readonly offsets: readonly number[];
}

const known = new Map<string, Times>();

/** First moment after `time` that fits seconds, minutes and hours (lists or `*`); days always fit. */
function nextFire(schedule: string, time: number): number {
  let times = known.get(schedule);
  if (times === undefined) known.set(schedule, (times = timesOf(schedule)));
  const { offsets, period } = times;
  const begin = Math.floor(time / period) * period;
  const offset = offsets.find((at) => begin + at > time);
  return offset === undefined ? begin + period + offsets[0]! : begin + offset;
}

function timesOf(schedule: string): Times {
  const [seconds = [], minutes, hours] = schedule.split(' ').map(fieldOf);
  const period = hours !== undefined ? 86_400_000 : minutes !== undefined ? 3_600_000 : 60_000;
  const everyMinute = hours === undefined ? [0] : Array.from({ length: 60 }, (_, at) => at);
  const offsets = (hours ?? [0]).flatMap((h) =>
    (minutes ?? everyMinute).flatMap((m) => seconds.map((s) => ((h * 60 + m) * 60 + s) * 1000)),
  );
  return { period, offsets: offsets.toSorted((left, right) => left - right) };
}

function fieldOf(field: string): readonly number[] | undefined {
  return field === '*' ? undefined : field.split(',').map(Number);
}
