/** Invariant 1, by brute force over every day of every manager: each slot is run once, recorded as missed, or suspended. */
import { rfc3339 } from '../../functions/domain/time.ts';
import type { ManagerLife, SlotRun } from './truth.ts';
import type { World } from './world.ts';

const day = 86_400;
/** The sweep finds what is due, with a retry and a late event. */
const settlingTime = 3_600;

interface Wish {
  readonly from: number;
  readonly to: number;
  readonly at: string;
  readonly suspended: boolean;
  readonly deadline: number;
  /** What ended it. */
  readonly then: 'suspend' | 'change' | 'delete' | 'nothing';
}

/** Judges all slots that are due and had time to be settled. */
export function checkSlots(world: World): void {
  const now = world.scheduler.now() / 1000;
  for (const life of world.truth.managers.values()) {
    const runs = world.truth.slotRuns.filter(({ manager }) => manager === life.uid);
    const wishes = wishesOf(life, now);
    for (const run of runs) checkRun(world, life, { run, wishes });
    for (const wish of wishes) if (!wish.suspended) checkWish(world, life, { wish, runs });
  }
}

function wishesOf(life: ManagerLife, now: number): Wish[] {
  return life.wishes.map((wish, at) => {
    const next = life.wishes[at + 1];
    const end = next === undefined ? 'delete' : next.suspended ? 'suspend' : 'change';
    const to = next?.from ?? life.deleted ?? now;
    return { ...wish, to, then: next === undefined && life.deleted === undefined ? 'nothing' : end };
  });
}

/** Slots are sure to belong to this wish from when the schedule function has taken it over. */
function checkWish(world: World, life: ManagerLife, { wish, runs }: { wish: Wish; runs: readonly SlotRun[] }): void {
  const known = life.cursors.find(
    ({ time, at, suspended }) => time >= wish.from && time < wish.to && at === wish.at && !suspended,
  );
  const first = life.cursors[0];
  const since = wish.from === life.created && known !== undefined && known === first ? life.created : known?.time;
  if (since === undefined) return;
  for (let slot = firstSlot(wish.at, since + 1); slot < wish.to - 10; slot += day) {
    const settled = wish.then === 'nothing' || wish.then === 'change' || wish.to - slot > settlingTime;
    if (!settled || world.scheduler.now() / 1000 - slot < settlingTime) continue;
    checkSlot(world, life, { slot, runs, excused: wish.to - slot <= settlingTime && wish.then !== 'change' });
  }
}

function checkSlot(
  world: World,
  life: ManagerLife,
  { slot, runs, excused }: { slot: number; runs: readonly SlotRun[]; excused: boolean },
): void {
  const run = runs.find((each) => each.slot === slot);
  const missed = [...life.missed.values()].find(({ first, last }) => first <= slot && slot <= last);
  const name = `slot ${rfc3339(slot)} of ${life.name}`;
  // A cursor that was set back settles everything before it.
  const setBack = life.tampered !== undefined && Math.abs(slot - life.tampered) < 6 * 3600;
  if (run === undefined && missed === undefined && !excused && !setBack)
    world.violated(1, `${name} was neither run nor recorded as missed`);
  if (run !== undefined && missed?.count === 1 && !world.truth.forgiven.has(run.uid))
    world.violated(1, `${name} was run and recorded as missed`);
}

/** A run is for a slot that somebody wished, and not too late. */
function checkRun(world: World, life: ManagerLife, { run, wishes }: { run: SlotRun; wishes: readonly Wish[] }): void {
  const wish = wishes.findLast(
    ({ at, from, to }) => firstSlot(at, run.slot) === run.slot && from <= run.slot + 6 && run.slot <= to + 6,
  );
  const name = `slot ${rfc3339(run.slot)} of ${life.name}`;
  if (run.created < run.slot - 7) world.violated(1, `${name} was run too early`);
  const present = wishes.findLast(({ from }) => from <= run.created - 60);
  const still = present !== undefined && present.suspended && run.created < present.to;
  if (still) world.violated(1, `${name} was run although its manager was suspended`);
  // A change that nobody has seen yet: the slot is settled under the old value.
  const stored = life.cursors.findLast(({ time }) => time < run.created - 1);
  if (stored !== undefined && firstSlot(stored.at, run.slot) === run.slot && run.slot >= life.created) return;
  if (wish === undefined || run.slot < life.created - 6) return world.violated(1, `${name} was run but never wished`);
  const deadline = Math.max(...wishes.map((each) => each.deadline));
  if (run.created - run.slot > deadline + 120) world.violated(1, `${name} was run after its deadline`);
}

/** First daily slot at or after this moment. */
export function firstSlot(at: string, from: number): number {
  const [hours = 0, minutes = 0, seconds = 0] = at.split(':').map(Number);
  const offset = hours * 3600 + minutes * 60 + seconds;
  return Math.ceil((from - offset) / day) * day + offset;
}
