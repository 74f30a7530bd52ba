/** A scenario: databases, chance, and what is done when. Made from a seed; everything in it can be left out to shrink it. */
import { actionKinds, secondOfDay, type Action, type ActionKind } from './actions.ts';
import type { DatabaseOptions } from './database.ts';
import { createRandom, type Random } from './random.ts';
import { silence, type Noise } from './world.ts';

export interface Scenario {
  readonly seed: number;
  /** Days until the faults end. */
  readonly days: number;
  readonly databases: readonly DatabaseOptions[];
  readonly noise: Noise;
  readonly pageCap: number;
  readonly actions: readonly Action[];
}

/** Actions that take something away for a while: not too many at once, or nothing ever runs. */
const rare: readonly ActionKind[] = [
  'changeBucket',
  'deleteManager',
  'tamperCursor',
  'adopt',
  'foreignEntry',
  'obstacle',
  'dryRun',
];

/** The scenario of a seed. One in six is without any chance, so that actions alone are seen as well. */
export function createScenario(seed: number): Scenario {
  const random = createRandom(seed, 'scenario');
  const gap = random.chance(0.4) ? random.between(10, 45) : 0;
  const busy = random.pick([1, 2, 2, 3, 3, 4, 6]);
  const days = busy + gap;
  const databases = Array.from({ length: random.pick([1, 1, 1, 2]) }, (_, at) => createOptions(random, at));
  const managers = databases.map((_, target): Action => {
    const at = random.chance(0.8) ? 0 : random.between(0, 80_000);
    return { at, kind: 'createManager', target, seconds: 0, number: random.between(0, 90) };
  });
  const count = random.between(0, busy * random.pick([1, 2, 5]));
  // Between busy days a long while in which little can happen: nobody wakes the functions, or nobody wants a backup.
  const from = random.between(0, busy - 1);
  const others = Array.from({ length: count }, () => createAction(random, { busy, from, gap, managers }));
  const quiet =
    gap === 0
      ? []
      : [createGap(random, { at: from * 86_400 + random.between(0, 80_000), seconds: gap * 86_400 - 90_000 })];
  const actions = [
    ...managers,
    ...quiet,
    ...others.flatMap((action) => clustered(random, action)),
    ...createTail(seed, days),
    ...createSecond(seed, days),
  ].toSorted((a, b) => a.at - b.at);
  return { seed, days, databases, noise: createNoise(random), pageCap: random.pick([500, 500, 1, 2, 5]), actions };
}

function createOptions(random: Random, at: number): DatabaseOptions {
  return {
    namespace: random.pick(['shop', 'shop', `ns-${at}`]),
    statefulSet: `pg${at}`,
    systemIdentifier: `71234567890123456${at}8`,
    volume: random.chance(0.5),
    exclusive: random.chance(0.3),
    deltas: random.chance(0.3),
    skew: random.pick([0, 0, 0, -600, 600, 7, -7]),
  };
}

function createGap(random: Random, time: Pick<Action, 'at' | 'seconds'>): Action {
  const kind = random.pick(['pingsDown', 'brokerDown', 'suspend'] as const);
  return { ...time, kind, target: 0, number: random.between(0, 1_000) };
}

/** Sometimes a run is abandoned just before the faults end: in the peace that follows somebody has to stop it. */
function createTail(seed: number, days: number): Action[] {
  const random = createRandom(seed, 'tail');
  if (!random.chance(0.15)) return [];
  const at = days * 86_400 - random.between(200, 900);
  return [{ at, kind: 'abandon', target: 0, seconds: 0, number: random.between(0, 1_000) }];
}

/** Another installation in the same bucket: it goes on writing, or all that is left of it is older than anything of ours. */
function createSecond(seed: number, days: number): Action[] {
  const random = createRandom(seed, 'second installation');
  if (!random.chance(0.2)) return [];
  const end = random.chance(0.3) ? 2 : days * 86_400 - 1;
  const writes = Array.from({ length: random.between(1, 4) }, () => random.between(1, end));
  const target = random.between(0, 1);
  const adopted = random.chance(0.6) ? [random.between(1, 80_000)] : [];
  return [
    ...writes.map((at): Action => ({ at, kind: 'otherInstallation', target, seconds: 0, number: 0 })),
    ...adopted.map((at): Action => ({ at, kind: 'adopt', target, seconds: 0, number: 0 })),
  ];
}

/** Busy days, and a gap after the first `from` of them. */
interface Calendar {
  readonly busy: number;
  readonly from: number;
  readonly gap: number;
  readonly managers: readonly Action[];
}

/** More often than not about when a backup is due. */
function momentIn(random: Random, { busy, from, gap, managers }: Calendar): number {
  const chosen = random.between(0, busy - 1);
  const day = 86_400 * (chosen < from ? chosen : chosen + gap);
  if (random.chance(0.4)) return day + random.between(0, 86_400);
  const slot = secondOfDay(random.pick(managers).number) + day;
  return Math.max(0, slot + random.between(-60, random.pick([5, 60, 400])));
}

function createAction(random: Random, calendar: Calendar): Action {
  const length = (calendar.busy + calendar.gap) * 86_400;
  const chosen = random.pick(actionKinds.filter((kind) => kind !== 'createManager' && kind !== 'otherInstallation'));
  const kind = rare.includes(chosen) && random.chance(0.6) ? 'backup' : chosen;
  const seconds = random.between(1, random.pick([30, 300, 900, 3_600, 20_000]));
  const at = momentIn(random, calendar);
  return {
    at,
    kind,
    target: random.between(0, 3),
    seconds: Math.min(seconds, length - at),
    number: random.between(0, 1_000),
  };
}

/** What is worth happening at nearly the same time: the second thing while the first is going on. */
const episodes: readonly (readonly [ActionKind, ActionKind])[] = [
  ['backup', 'restartContainer'],
  ['backup', 'restartPostmaster'],
  ['backup', 'replacePod'],
  ['backup', 'deleteBackup'],
  ['backup', 'storageDown'],
  ['backup', 'apiDown'],
  ['backup', 'brokerDown'],
  ['backup', 'brokerRestart'],
  ['backup', 'forge'],
  ['backup', 'backups'],
  ['backup', 'deleteManager'],
  ['backup', 'directory'],
  ['backups', 'scaleDown'],
  ['breakArchiving', 'backup'],
  ['storageDown', 'backup'],
  ['storageFull', 'backup'],
  ['watchDown', 'backup'],
  ['watchDown', 'deleteBackup'],
  ['foreignLock', 'backup'],
  ['foreignEntry', 'backup'],
  ['lockBucket', 'backups'],
  ['pingsDown', 'changeAtSoon'],
  ['changeAtSoon', 'suspend'],
  ['suspend', 'recreateManager'],
  ['abandon', 'backup'],
  ['backup', 'forget'],
  ['abandon', 'forge'],
];

/** Some of what happens comes in pairs: a restart in mid-run finds more than one in the night. */
function clustered(random: Random, action: Action): Action[] {
  if (!random.chance(0.6)) return [action];
  const [first, second] = random.pick(episodes);
  const at = action.at + random.between(1, random.pick([5, 20, 60, 600]));
  const number = random.between(0, 1_000);
  return [
    { ...action, kind: first },
    { ...action, at, kind: second, number, seconds: Math.min(action.seconds, random.between(1, 3_000)) },
  ];
}

function createNoise(random: Random): Noise {
  const level = random.pick([0, 0.2, 0.2, 1, 1, 3]);
  if (level === 0) return silence;
  return {
    loss: random.pick([0, 0.02, 0.05, 0.15]) * level,
    duplicate: random.pick([0, 0.05, 0.1]) * level,
    late: random.pick([0, 0.02, 0.1]) * level,
    crash: random.pick([0, 0.002, 0.01]) * level,
    transient: random.pick([0, 0.002, 0.01]) * level,
    cut: random.pick([0, 0.01, 0.03]) * level,
    lateStart: random.pick([0, 0.02, 0.1]) * level,
    failures: random.pick([0, 0.02, 0.1]) * level,
  };
}
