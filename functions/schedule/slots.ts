/**
 * Slot arithmetic: which daily slots are due, which one may still run, which were missed. A pure function of what the
 * manager wants, what is stored of it, and `now`.
 */
import type { PgManager } from '../domain/resources/pg-manager.ts';
import { parseTime, type UnixSeconds } from '../domain/time.ts';

const day = 86_400;

/** An activation so shortly before a slot waits for it: the timer is ahead of the slot, and may be early (seconds). */
export const earlyTolerance = 9;

/** A cursor further ahead than this cannot come from an early timer (seconds). */
const cursorTolerance = 60;

/** What the user wants now. `at` is `HH:MM:SS` UTC. */
export interface DesiredSchedule {
  readonly at: string;
  readonly suspended: boolean;
  /** How late a slot may still start, seconds. */
  readonly startingDeadline: number;
}

/** What is resolved so far: slots up to and including `max(since, lastSlot)`. */
export interface Cursor {
  readonly at: string;
  readonly suspended: boolean;
  /** No slot at or before this moment counts: creation, or the last change of `at` or `suspend`. */
  readonly since: UnixSeconds;
  readonly lastSlot?: UnixSeconds | undefined;
}

export interface SlotDecision {
  /** The slot to run now, if any: the latest due one, if it is within the deadline. */
  readonly run?: UnixSeconds | undefined;
  /** Due slots that will not run any more, oldest first. Slots that were due while the stored schedule was suspended are left out: they were skipped, not missed. */
  readonly missed: readonly UnixSeconds[];
  /** The cursor after all of this is done. */
  readonly cursor: Cursor;
  /** The stored cursor was ahead of `now` and has been set back. */
  readonly cursorWasAhead: boolean;
}

/**
 * Resolves all slots up to `now` under the stored values, then takes over the desired ones. So a change of `at` loses no
 * slot that was already due and starts none for a time before the change; resume never fires at once; and a manager
 * that is suspended now starts nothing, whatever is stored: slots that were due before it was seen to be are missed.
 */
export function resolveSlots(desired: DesiredSchedule, stored: Cursor, now: UnixSeconds): SlotDecision {
  const cursorWasAhead = resolvedUntil(stored) > now + cursorTolerance;
  // An explicit slot, not none: a field that another writer put there stays when server-side apply leaves it out.
  const cursor = cursorWasAhead ? { ...stored, since: now, lastSlot: firstSlotAfter(stored.at, now) - day } : stored;
  // A slot a moment ahead belongs to the values that are taken over now: resume just before a slot does not swallow it.
  const until = isChange(desired, cursor) ? now : now + earlyTolerance;
  const due = slotsBetween(cursor.at, resolvedUntil(cursor), until);
  const quiet = cursor.suspended || desired.suspended;
  const latest = due.at(-1);
  const run = !quiet && latest !== undefined && now - latest <= desired.startingDeadline ? latest : undefined;
  return {
    run,
    missed: cursor.suspended ? [] : due.filter((slot) => slot !== run),
    cursor: advance(desired, { ...cursor, lastSlot: latest ?? cursor.lastSlot }, now),
    cursorWasAhead,
  };
}

function resolvedUntil({ since, lastSlot }: Cursor): UnixSeconds {
  return Math.max(since, lastSlot ?? 0);
}

function advance(desired: DesiredSchedule, resolved: Cursor, now: UnixSeconds): Cursor {
  return {
    ...resolved,
    at: desired.at,
    suspended: desired.suspended,
    since: isChange(desired, resolved) ? now : resolved.since,
  };
}

function isChange(desired: DesiredSchedule, stored: Cursor): boolean {
  return desired.at !== stored.at || desired.suspended !== stored.suspended;
}

/** Returns the next slot that is neither resolved nor due. */
export function nextSlot(cursor: Cursor, now: UnixSeconds): UnixSeconds {
  return firstSlotAfter(cursor.at, Math.max(now, resolvedUntil(cursor)));
}

/** Daily slots in (after, until], oldest first. */
function slotsBetween(at: string, after: UnixSeconds, until: UnixSeconds): UnixSeconds[] {
  const slots: UnixSeconds[] = [];
  for (let slot = firstSlotAfter(at, after); slot <= until; slot += day) slots.push(slot);
  return slots;
}

/** UTC days all have 86 400 s in Unix time, so no calendar is needed. */
function firstSlotAfter(at: string, after: UnixSeconds): UnixSeconds {
  const offset = secondsOfDay(at);
  return (Math.floor((after - offset) / day) + 1) * day + offset;
}

function secondsOfDay(at: string): number {
  const [hours = 0, minutes = 0, seconds = 0] = at.split(':').map(Number);
  return hours * 3600 + minutes * 60 + seconds;
}

/** Resolves the slots of the manager by its status and spec: `gather` needs this to know what to read. */
export function slotDecisionOf(manager: PgManager, now: UnixSeconds): SlotDecision {
  return resolveSlots(desiredScheduleOf(manager), cursorOf(manager, now), now);
}

export function desiredScheduleOf(manager: PgManager): DesiredSchedule {
  const { at, suspend, startingDeadlineSeconds } = manager.spec.backup;
  return { at, suspended: suspend, startingDeadline: startingDeadlineSeconds };
}

/** The manager is new: its slots are resolved up to its creation. */
export function cursorOf(manager: PgManager, now: UnixSeconds): Cursor {
  const { at, suspend } = manager.spec.backup;
  const created = parseTime(manager.metadata.creationTimestamp) ?? now;
  const stored = manager.status.schedule;
  if (stored === undefined) return { at, suspended: suspend, since: created };
  return {
    at: stored.at,
    suspended: stored.suspended,
    since: parseTime(stored.since) ?? created,
    lastSlot: parseTime(stored.lastSlot),
  };
}
