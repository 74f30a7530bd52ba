/** Missed slots: how they are counted, worded and announced. No side effects. */
import { defined } from '../domain/defined.ts';
import { path } from '../domain/resources/api-paths.ts';
import { type OwnEvent, eventType } from '../domain/events/cloud-event.ts';
import type { MissedPeriod, PgManager, ScheduleStatus } from '../domain/resources/pg-manager.ts';
import { type UnixSeconds, parseTime, rfc3339, span } from '../domain/time.ts';
import { slotBackupName } from './slot-backup.ts';
import type { Command } from '../domain/commands/command.ts';
import { buildKubernetesEvent } from '../domain/commands/kubernetes-event.ts';
import type { Observation } from './observation.ts';

/** How many periods `missed.last` keeps; those not announced yet are kept besides. */
export const keptPeriods = 5;

export function missedPeriod(slots: readonly UnixSeconds[], reason: string): MissedPeriod[] {
  const [first, last] = [slots[0], slots.at(-1)];
  if (first === undefined || last === undefined) return [];
  return [{ slot: rfc3339(last), first: rfc3339(first), count: slots.length, reason }];
}

export function nextMissed(
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

export function isUnannounced(entry: MissedPeriod, announced: string | undefined): boolean {
  return announced === undefined || entry.slot > announced;
}

export function missedMessage(manager: PgManager, missed: MissedPeriod): string {
  const slots = `${missed.count} ${missed.count === 1 ? 'slot' : 'slots'} missed`;
  switch (missed.reason) {
    case 'ScheduleConflict':
      return `${slots}: an older PgManager has the same selector "${manager.spec.selector.name}" and only its slots run (last ${missed.slot}). Delete or suspend one of the two.`;
    case 'NameTaken':
      return `${slots}: a PgBackup of the name ${slotBackupName(manager.metadata.name, parseTime(missed.slot) ?? 0)} is there already and is not of this PgManager (last ${missed.slot}). Delete it or leave it; the next slot has another name.`;
    case 'Suspended':
      return `${slots}: it was suspended before anything could start (last ${missed.slot})`;
    default:
      return `${slots}: nothing could start within ${span(manager.spec.backup.startingDeadlineSeconds)} of ${missed.count === 1 ? 'it' : 'them'} (last ${missed.slot})`;
  }
}

export function missedEvent(manager: PgManager, missed: MissedPeriod): OwnEvent {
  const { name, namespace, uid } = manager.metadata;
  return {
    type: eventType.backupMissed,
    source: path.manager(namespace, name),
    id: `${uid}/missed/${missed.slot}`,
    subject: `pgmanager/${namespace}/${name}`,
    data: { namespace, name, uid, first: missed.first, last: missed.slot, count: missed.count, reason: missed.reason },
  };
}

export function recordMissed(observation: Observation, missed: MissedPeriod): Command {
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
