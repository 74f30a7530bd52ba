/** Decides about the schedule of one PgManager: which slot runs, which were missed, what its status and timer should be. No side effects. */
import { isDeepStrictEqual } from 'node:util';
import { buildKubernetesEvent } from '../domain/commands/kubernetes-event.ts';
import { path } from '../domain/resources/api-paths.ts';
import { isInConflict } from '../domain/resources/manager-state.ts';
import { apiVersion, fieldManager, label } from '../domain/resources/names.ts';
import type { PgBackup } from '../domain/resources/pg-backup.ts';
import type { MissedPeriod, PgManager, ScheduleStatus } from '../domain/resources/pg-manager.ts';
import { buildPgBackup, slotBackupName } from './slot-backup.ts';
import type { Command, Decision } from '../domain/commands/command.ts';
import { defined } from '../domain/defined.ts';
import { eventType, type OwnEvent } from '../domain/events/cloud-event.ts';
import { nextSlot, slotDecisionOf, type Cursor, type SlotDecision } from './slots.ts';
import { parseTime, rfc3339, type UnixSeconds } from '../domain/time.ts';
import { dailySchedule, timerName, type Timer } from '../domain/events/timer.ts';
import type { Observation } from './observation.ts';
import { isUnannounced, missedEvent, missedMessage, missedPeriod, nextMissed, recordMissed } from './missed-slots.ts';

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
 * and not before. Meanwhile the wake event starts the backup function, so that it is up when the PgBackup is created.
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
  const due = [...decision.missed, ...(decision.run === undefined ? [] : [decision.run])];
  if (isInConflict(manager, sameSelector)) return { missed: missedPeriod(due, 'ScheduleConflict') };
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

function scheduleMessage(manager: PgManager, cursor: Cursor, lastMissed: MissedPeriod | undefined): string {
  if (cursor.suspended) {
    const last = manager.status.conditions.backup?.lastSuccess?.finishTime;
    return `suspended by spec.backup.suspend; ${last === undefined ? 'no backup yet' : `last backup ${last}`}`;
  }
  const lastSlot = cursor.lastSlot === undefined ? undefined : rfc3339(cursor.lastSlot);
  if (lastMissed === undefined || lastMissed.slot !== lastSlot) return 'waiting for the next slot';
  return missedMessage(manager, lastMissed);
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
