/** Decides about the schedule of one PgManager: which slot runs, which were missed, what its status and timer should be. No side effects. */
import { isDeepStrictEqual } from 'node:util';
import { buildKubernetesEvent } from '../domain/commands/kubernetes-event.ts';
import { path } from '../domain/resources/api-paths.ts';
import { oldestManager } from '../domain/resources/manager-state.ts';
import { apiVersion, fieldManager, label } from '../domain/resources/names.ts';
import type { PgBackup } from '../domain/resources/pg-backup.ts';
import type { MissedPeriod, PgManager, ScheduleStatus } from '../domain/resources/pg-manager.ts';
import { buildPgBackup, slotBackupName } from './slot-backup.ts';
import type { Command, Decision } from '../domain/commands/command.ts';
import { defined } from '../domain/defined.ts';
import { eventType, type OwnEvent } from '../domain/events/cloud-event.ts';
import { nextSlot, resolveSlots, type Cursor, type SlotDecision, type DesiredSchedule } from './slots.ts';
import { parseTime, rfc3339, span, type UnixSeconds } from '../domain/time.ts';
import { dailySchedule, timerName, type Timer } from '../domain/events/timer.ts';

/** What is true of one manager, read within one round. */
export interface Observation {
  /** API server's clock. */
  readonly now: UnixSeconds;
  readonly manager: PgManager;
  /** The slot timer woke us: it is there. Whether it is as it should be is the sweep's to see. */
  readonly ticked: boolean;
  /** All managers of the namespace with the same selector, this one among them; only read when a slot is due. */
  readonly sameSelector: readonly PgManager[];
  /** Who has the name of the slot that could run now; only read when its creation has met a conflict. */
  readonly slotBackup?: PgBackup | undefined;
  /** Names of this manager's own PgBackups; only read when slots are about to be recorded as missed. */
  readonly ownBackups: ReadonlySet<string>;
}

/** How many periods `missed.last` keeps; those not announced yet are kept besides. */
const keptPeriods = 5;

/** Resolves the slots of the manager by its status and spec: `gather` needs this to know what to read. */
export function slotDecisionOf(manager: PgManager, now: UnixSeconds): SlotDecision {
  return resolveSlots(desiredScheduleOf(manager), cursorOf(manager, now), now);
}

/**
 * True when the manager in this event needs no work, so that the event can be dropped without a read. Later slots have their
 * timer, and the sweep finds what the event does not show.
 */
export function needsNoWork(manager: PgManager): boolean {
  const { schedule } = manager.status;
  if (schedule === undefined) return false;
  const until = Math.max(parseTime(schedule.since) ?? 0, parseTime(schedule.lastSlot) ?? 0);
  return decide({ now: until, manager, ticked: false, sameSelector: [], ownBackups: new Set() }).next === 'done';
}

/** Runs the due slot, moves the cursor, records what was missed, mends the timer, announces. */
export function decide(observation: Observation): Decision {
  const { manager, now } = observation;
  const decision = slotDecisionOf(manager, now);
  if (decision.run !== undefined && decision.run > now) return awaitSlot(manager, decision.run, now);
  const verdict = judge(observation, decision);
  const schedule = nextStatus(observation, decision, verdict);
  const stored = manager.status.schedule;
  if (!isDeepStrictEqual(schedule, stored)) {
    return {
      commands: [
        ...(verdict.create === undefined ? [] : [createBackup(manager, verdict.create)]),
        applySchedule(manager, schedule),
        ...cursorWarning(observation, decision),
      ],
      next: 'again',
      reason: verdict.create === undefined ? 'StatusBehind' : 'SlotDue',
      message: verdict.create === undefined ? 'schedule status written' : `slot ${rfc3339(verdict.create)} runs`,
    };
  }
  return announce(observation, schedule);
}

/**
 * The timer or another event came a moment early: this activation stays for the slot, so that it starts on its second
 * and not before. Meanwhile the backup function may get up: whoever hears of the PgBackup then is there already.
 */
function awaitSlot(manager: PgManager, slot: UnixSeconds, now: UnixSeconds): Decision {
  const waitSeconds = slot - now;
  return {
    commands: [{ type: 'post', events: [wakeEvent(manager, slot)], then: [] }],
    next: 'wait',
    waitSeconds,
    reason: 'SlotNear',
    message: `slot ${rfc3339(slot)} is ${waitSeconds} s away`,
  };
}

/** Names no object: there is nothing to reconcile yet. */
function wakeEvent({ metadata }: PgManager, slot: UnixSeconds): OwnEvent {
  const { name, namespace, uid } = metadata;
  return {
    type: eventType.wake,
    source: path.manager(namespace, name),
    id: `${uid}/wake/${rfc3339(slot)}`,
    subject: `pgmanager/${namespace}/${name}`,
    data: { slot: rfc3339(slot) },
  };
}

interface Verdict {
  /** Slot whose PgBackup is to be created. */
  readonly create?: UnixSeconds | undefined;
  readonly missed: readonly MissedPeriod[];
}

/** Turns due slots into one run at most and missed periods, oldest first. */
function judge(observation: Observation, decision: SlotDecision): Verdict {
  const { manager, sameSelector, slotBackup, ownBackups } = observation;
  const oldest = oldestManager(sameSelector);
  const due = [...decision.missed, ...(decision.run === undefined ? [] : [decision.run])];
  if (oldest !== undefined && oldest.metadata.uid !== manager.metadata.uid) {
    return { missed: missedPeriod(due, 'ScheduleConflict') };
  }
  const late = decision.missed.filter((slot) => !ownBackups.has(slotBackupName(manager.metadata.name, slot)));
  const tooLate = missedPeriod(late, manager.spec.backup.suspend ? 'Suspended' : 'TooLate');
  if (decision.run === undefined) return { missed: tooLate };
  if (slotBackup === undefined) return { create: decision.run, missed: tooLate };
  if (isOwn(manager, slotBackup)) return { missed: tooLate };
  return { missed: [...tooLate, ...missedPeriod([decision.run], 'NameTaken')] };
}

function isOwn(manager: PgManager, backup: PgBackup): boolean {
  return backup.metadata.labels[label.managerUid] === manager.metadata.uid;
}

function missedPeriod(slots: readonly UnixSeconds[], reason: string): MissedPeriod[] {
  const [first, last] = [slots[0], slots.at(-1)];
  if (first === undefined || last === undefined) return [];
  return [{ slot: rfc3339(last), first: rfc3339(first), count: slots.length, reason }];
}

function nextStatus(observation: Observation, decision: SlotDecision, verdict: Verdict): ScheduleStatus {
  const { manager, now } = observation;
  const { cursor } = decision;
  const missed = nextMissed(manager.status.schedule?.missed, verdict.missed);
  return defined({
    at: cursor.at,
    suspended: cursor.suspended,
    since: rfc3339(cursor.since),
    lastSlot: cursor.lastSlot === undefined ? undefined : rfc3339(cursor.lastSlot),
    nextSlot: cursor.suspended ? undefined : rfc3339(nextSlot(cursor, now)),
    message: scheduleMessage(manager, cursor, missed?.last.at(-1)),
    missed,
  });
}

function nextMissed(
  stored: ScheduleStatus['missed'],
  added: readonly MissedPeriod[],
): ScheduleStatus['missed'] | undefined {
  if (stored === undefined && added.length === 0) return undefined;
  const known = stored ?? { count: 0, last: [] };
  const all = [...known.last, ...added];
  const unannounced = all.filter((entry) => isUnannounced(entry, known.announced)).length;
  return defined({
    count: known.count + added.reduce((sum, entry) => sum + entry.count, 0),
    last: all.slice(-Math.max(keptPeriods, unannounced)),
    announced: known.announced,
  });
}

function isUnannounced(entry: MissedPeriod, announced: string | undefined): boolean {
  return announced === undefined || entry.slot > announced;
}

function scheduleMessage(manager: PgManager, cursor: Cursor, lastMissed: MissedPeriod | undefined): string {
  if (cursor.suspended) {
    const last = manager.status.conditions.backup?.lastSuccess?.finishTime;
    return `suspended by spec.backup.suspend; ${last === undefined ? 'no backup yet' : `last backup ${last}`}`;
  }
  const lastSlot = cursor.lastSlot === undefined ? undefined : rfc3339(cursor.lastSlot);
  if (lastMissed === undefined || lastMissed.slot !== lastSlot) return 'waiting for the next slot';
  return missedMessage(manager, lastMissed);
}

function missedMessage(manager: PgManager, missed: MissedPeriod): string {
  const slots = `${missed.count} ${missed.count === 1 ? 'slot' : 'slots'} missed`;
  switch (missed.reason) {
    case 'ScheduleConflict':
      return `${slots}: an older PgManager has the same selector "${manager.spec.selector.name}" and only its slots run (last ${missed.slot}). Delete one of the two.`;
    case 'NameTaken':
      return `${slots}: a PgBackup of the name ${slotBackupName(manager.metadata.name, parseTime(missed.slot) ?? 0)} is there already and is not of this PgManager (last ${missed.slot}). Delete it or leave it; the next slot has another name.`;
    case 'Suspended':
      return `${slots}: it was suspended before anything could start (last ${missed.slot})`;
    default:
      return `${slots}: nothing could start within ${span(manager.spec.backup.startingDeadlineSeconds)} of ${missed.count === 1 ? 'it' : 'them'} (last ${missed.slot})`;
  }
}

/** Status is as it should be: ensures the timer, then announces what is pending. */
function announce(observation: Observation, schedule: ScheduleStatus): Decision {
  const { manager } = observation;
  const timer = observation.ticked ? [] : [timerCommand(manager)];
  const pending = schedule.missed?.last.filter((entry) => isUnannounced(entry, schedule.missed?.announced)) ?? [];
  const last = pending.at(-1);
  if (schedule.missed === undefined || last === undefined) {
    return { commands: timer, next: 'done', reason: 'UpToDate', message: schedule.message ?? '' };
  }
  return {
    commands: [
      ...timer,
      ...pending.map((entry) => recordMissed(observation, entry)),
      {
        type: 'post',
        events: pending.map((entry) => missedEvent(manager, entry)),
        then: [applySchedule(manager, { ...schedule, missed: { ...schedule.missed, announced: last.slot } })],
      },
    ],
    next: 'again',
    reason: 'SlotMissed',
    message: missedMessage(manager, last),
  };
}

function missedEvent(manager: PgManager, missed: MissedPeriod): OwnEvent {
  const { name, namespace, uid } = manager.metadata;
  return {
    type: eventType.backupMissed,
    source: path.manager(namespace, name),
    id: `${uid}/missed/${missed.slot}`,
    subject: `pgmanager/${namespace}/${name}`,
    data: { namespace, name, uid, first: missed.first, last: missed.slot, count: missed.count, reason: missed.reason },
  };
}

function recordMissed(observation: Observation, missed: MissedPeriod): Command {
  const { manager, now } = observation;
  const { name, namespace, uid } = manager.metadata;
  return {
    type: 'recordEvent',
    event: buildKubernetesEvent({
      object: { kind: 'PgManager', name, namespace, uid },
      transition: `missed-${parseTime(missed.slot) ?? 0}`,
      type: 'Warning',
      reason: missed.reason === 'ScheduleConflict' ? 'ScheduleConflict' : 'SlotMissed',
      message: missedMessage(manager, missed),
      time: now,
      reporter: 'schedule',
    }),
  };
}

function cursorWarning(observation: Observation, decision: SlotDecision): Command[] {
  if (!decision.cursorWasAhead) return [];
  const { manager, now } = observation;
  const { name, namespace, uid } = manager.metadata;
  const stored = manager.status.schedule;
  const ahead = stored?.lastSlot ?? stored?.since ?? manager.metadata.creationTimestamp;
  return [
    {
      type: 'recordEvent',
      event: buildKubernetesEvent({
        object: { kind: 'PgManager', name, namespace, uid },
        transition: `cursor-${now}`,
        type: 'Warning',
        reason: 'CursorReset',
        message: `the last resolved slot was in the future (${ahead}); set back to ${rfc3339(now)}`,
        time: now,
        reporter: 'schedule',
      }),
    },
  ];
}

function createBackup(manager: PgManager, slot: UnixSeconds): Command {
  return { type: 'createBackup', backup: buildPgBackup(manager, slot) };
}

function applySchedule(manager: PgManager, schedule: ScheduleStatus): Command {
  return {
    type: 'applyStatus',
    kind: 'PgManager',
    target: manager.metadata,
    fieldManager: fieldManager.schedule,
    status: { schedule },
  };
}

/** A suspended manager has no slot timer: nothing would come of its ticks. */
function timerCommand(manager: PgManager): Command {
  const { name, namespace, uid } = manager.metadata;
  if (manager.spec.backup.suspend) return { type: 'removeTimer', namespace, name: timerName('slot', uid) };
  const timer: Timer = {
    purpose: 'slot',
    owner: { apiVersion, kind: 'PgManager', name, namespace, uid },
    schedule: dailySchedule(manager.spec.backup.at),
    data: { namespace, name },
  };
  return { type: 'applyTimer', timer };
}

function desiredScheduleOf(manager: PgManager): DesiredSchedule {
  const { at, suspend, startingDeadlineSeconds } = manager.spec.backup;
  return { at, suspended: suspend, startingDeadline: startingDeadlineSeconds };
}

/** The manager is new: its slots are resolved up to its creation. */
function cursorOf(manager: PgManager, now: UnixSeconds): Cursor {
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
