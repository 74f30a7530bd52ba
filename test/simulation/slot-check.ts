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
function takenOver({ created, cursors }: ManagerLife, wish: Wish): number | undefined {
  const known = cursors.find(
    ({ time, at, suspended }) => time >= wish.from && time < wish.to && at === wish.at && !suspended,
  );
  return wish.from === created && known !== undefined && known === cursors[0] ? created : known?.time;
}

function checkWish(world: World, life: ManagerLife, { wish, runs }: { wish: Wish; runs: readonly SlotRun[] }): void {
  const since = takenOver(life, wish);
  if (since === undefined) return;
  const until = Math.min(wish.to - 10, world.scheduler.now() / 1000 - settlingTime, settledUntil(life, wish, runs));
  for (let slot = firstSlot(wish.at, since + 1); slot < until; slot += day) checkSlot(world, life, { slot, runs });
}

/** Nobody knows when a manager was suspended: whatever was not settled by then counts as suspended, and a deleted one has no slots. */
function settledUntil({ missed }: ManagerLife, { then }: Wish, runs: readonly SlotRun[]): number {
  if (then === 'nothing' || then === 'change') return Number.POSITIVE_INFINITY;
  return Math.max(0, ...runs.map(({ slot }) => slot), ...[...missed.values()].map(({ last }) => last));
}

function checkSlot(world: World, life: ManagerLife, { slot, runs }: { slot: number; runs: readonly SlotRun[] }): void {
  const run = runs.find((each) => each.slot === slot);
  const missed = [...life.missed.values()].find(({ first, last }) => first <= slot && slot <= last);
  const name = `slot ${rfc3339(slot)} of ${life.name}`;
  // A cursor that was set back settles everything before it.
  const setBack = life.tampered !== undefined && Math.abs(slot - life.tampered) < 6 * 3600;
  if (run === undefined && missed === undefined && !setBack)
    world.violated(1, `${name} was neither run nor recorded as missed`);
  if (run !== undefined && missed?.count === 1 && !world.truth.forgiven.has(run.uid))
    world.violated(1, `${name} was run and recorded as missed`);
}

/** A run is for a slot that somebody wished, in time, and while nothing was suspended. */
function checkRun(world: World, life: ManagerLife, { run, wishes }: { run: SlotRun; wishes: readonly Wish[] }): void {
  const name = `slot ${rfc3339(run.slot)} of ${life.name}`;
  const deadline = Math.max(...wishes.map((each) => each.deadline));
  const late = run.created - run.slot;
  if (late < -7) world.violated(1, `${name} was run too early`);
  if (late > deadline + 120) world.violated(1, `${name} was run after its deadline`);
  const present = wishes.findLast(({ from }) => from <= run.created - 60);
  if (present?.suspended === true && run.created < present.to)
    world.violated(1, `${name} was run although its manager was suspended`);
  if (!isWished(life, run, wishes)) world.violated(1, `${name} was run but never wished`);
}

/** By the user, or by the value that is stored while nobody has seen that the user changed it. */
function isWished(life: ManagerLife, { created, slot }: SlotRun, wishes: readonly Wish[]): boolean {
  if (slot < life.created - 6) return false;
  const stored = life.cursors.findLast(({ time }) => time < created - 1);
  if (stored !== undefined && firstSlot(stored.at, slot) === slot && slot >= life.created) return true;
  return wishes.some(({ at, from, to }) => firstSlot(at, slot) === slot && from <= slot + 6 && slot <= to + 6);
}

/** First daily slot at or after this moment. */
export function firstSlot(at: string, from: number): number {
  const [hours = 0, minutes = 0, seconds = 0] = at.split(':').map(Number);
  const offset = hours * 3600 + minutes * 60 + seconds;
  return Math.ceil((from - offset) / day) * day + offset;
}
