/** Invariant 1, by brute force over every day of every manager: each slot is run once, recorded as missed, or suspended. */
import { rfc3339 } from '../../functions/domain/time.ts';
import type { ManagerHistory, SlotRun } from './oracle.ts';
import { managersIn, type World } from './world.ts';

const day = 86_400;
/** The sweep finds what is due, with a retry and a late event. */
const settlingTime = 3_600;
/** What was decided from a moment ago is still written (seconds). */
const inFlight = 5;

interface Wish {
  readonly from: number;
  readonly to: number;
  readonly at: string;
  readonly suspended: boolean;
  readonly deadline: number;
}

/** Judges all slots that are due and had time to be settled. */
export function checkSlots(world: World): void {
  const now = world.scheduler.now() / 1000;
  for (const history of world.oracle.managers.values()) {
    const runs = world.oracle.slotRuns.filter(({ manager }) => manager === history.uid);
    const wishes = wishesOf(history, now);
    for (const run of runs) checkRun(world, history, { run, wishes });
    for (const wish of wishes) if (!wish.suspended) checkWish(world, history, { wish, runs });
    for (const settling of history.missed.values()) checkSettling(world, history, { settling, runs });
    checkCount(world, history);
  }
}

type Settling = ManagerHistory['missed'] extends ReadonlyMap<string, infer T> ? T : never;

/** A settling names its first and last slot and counts those between that were not run. */
function checkSettling(
  world: World,
  { name }: ManagerHistory,
  { settling, runs }: { settling: Settling; runs: readonly SlotRun[] },
): void {
  const { count, first, last } = settling;
  const between = runs.filter(({ slot }) => slot > first && slot < last);
  if (between.some(({ uid }) => world.oracle.forgiven.has(uid))) return;
  const wanted = (last - first) / day + 1 - between.length;
  if (count !== wanted) world.violated(1, `${name}: ${count} missed slots are recorded of ${wanted}`);
}

/** The sum in status is that of all settlings that were ever recorded. */
function checkCount(world: World, { missed, name, uid }: ManagerHistory): void {
  const manager = managersIn(world).find(({ metadata }) => metadata.uid === uid);
  if (manager === undefined) return;
  const told = manager.status.schedule?.missed?.count ?? 0;
  const recorded = [...missed.values()].reduce((sum, { count }) => sum + count, 0);
  if (told !== recorded) world.violated(1, `${name}: missed.count is ${told}, recorded were ${recorded}`);
}

function wishesOf(history: ManagerHistory, now: number): Wish[] {
  return history.wishes.map((wish, at) => ({ ...wish, to: history.wishes[at + 1]?.from ?? history.deleted ?? now }));
}

/** Slots are sure to belong to this wish from when the schedule function has taken it over. */
function takenOver({ created, cursors }: ManagerHistory, wish: Wish): number | undefined {
  const known = cursors.find(
    ({ time, at, suspended }) => time >= wish.from && time < wish.to && at === wish.at && !suspended,
  );
  return wish.from === created && known !== undefined && known === cursors[0] ? created : known?.time;
}

function checkWish(
  world: World,
  history: ManagerHistory,
  { wish, runs }: { wish: Wish; runs: readonly SlotRun[] },
): void {
  const since = takenOver(history, wish);
  if (since === undefined) return;
  const until = Math.min(wish.to, world.scheduler.now() / 1000 - settlingTime, settledUntil(history, wish, runs));
  for (let slot = firstSlot(wish.at, since + 1); slot < until; slot += day) checkSlot(world, history, { slot, runs });
}

/** A manager that is deleted leaves open what was not settled by then; otherwise every slot is, suspended or not. */
function settledUntil({ cursors, deleted, missed }: ManagerHistory, { to }: Wish, runs: readonly SlotRun[]): number {
  if (deleted === undefined || cursors.some(({ time }) => time >= to)) return Number.POSITIVE_INFINITY;
  return Math.max(0, ...runs.map(({ slot }) => slot), ...[...missed.values()].map(({ last }) => last));
}

function checkSlot(
  world: World,
  history: ManagerHistory,
  { slot, runs }: { slot: number; runs: readonly SlotRun[] },
): void {
  const run = runs.find((each) => each.slot === slot);
  const missed = [...history.missed.values()].find(({ first, last }) => first <= slot && slot <= last);
  const name = `slot ${rfc3339(slot)} of ${history.name}`;
  // A cursor that was set back settles everything before it.
  const setBack = history.tampered !== undefined && Math.abs(slot - history.tampered) < 6 * 3600;
  if (run === undefined && missed === undefined && !setBack)
    world.violated(1, `${name} was neither run nor recorded as missed`);
  if (run !== undefined && missed?.count === 1 && !world.oracle.forgiven.has(run.uid))
    world.violated(1, `${name} was run and recorded as missed`);
}

/** A run is for a slot that somebody wished, in time, and while nothing was suspended. */
function checkRun(
  world: World,
  history: ManagerHistory,
  { run, wishes }: { run: SlotRun; wishes: readonly Wish[] },
): void {
  const name = `slot ${rfc3339(run.slot)} of ${history.name}`;
  const deadline = Math.max(...wishes.map((each) => each.deadline));
  const late = run.created - run.slot;
  if (late < 0) world.violated(1, `${name} was run too early`);
  if (late > deadline + inFlight) world.violated(1, `${name} was run after its deadline`);
  const present = wishes.findLast(({ from }) => from <= run.created - inFlight);
  if (present?.suspended === true && run.created < present.to)
    world.violated(1, `${name} was run although its manager was suspended`);
  if (!isWished(history, run, wishes)) world.violated(1, `${name} was run but never wished`);
}

/** By the user, or by the value that is stored while nobody has seen that the user changed it. */
function isWished(history: ManagerHistory, { created, slot }: SlotRun, wishes: readonly Wish[]): boolean {
  if (slot < history.created - 6) return false;
  const stored = history.cursors.findLast(({ time }) => time < created - 1);
  if (stored !== undefined && firstSlot(stored.at, slot) === slot && slot >= history.created) return true;
  return wishes.some(({ at, from, to }) => firstSlot(at, slot) === slot && from <= slot + 6 && slot <= to + 6);
}

/** First daily slot at or after this moment. */
export function firstSlot(at: string, from: number): number {
  const [hours = 0, minutes = 0, seconds = 0] = at.split(':').map(Number);
  const offset = hours * 3600 + minutes * 60 + seconds;
  return Math.ceil((from - offset) / day) * day + offset;
}
