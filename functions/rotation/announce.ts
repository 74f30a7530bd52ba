/**
 * Announces how rotations ended and removes what is no longer needed, in the order that loses nothing: PgBackups of
 * deleted backups with their log files → Kubernetes Events → CloudEvents → `announced`. No side effects.
 */
import { buildKubernetesEvent } from '../domain/commands/kubernetes-event.ts';
import { podRef } from '../domain/commands/run-commands.ts';
import type { Command, Decision } from '../domain/commands/command.ts';
import { defined } from '../domain/defined.ts';
import { eventType, type OwnEvent } from '../domain/events/cloud-event.ts';
import { path } from '../domain/resources/api-paths.ts';
import { endedStale } from '../domain/resources/backup-state.ts';
import { byAge } from '../domain/resources/manager-state.ts';
import type { PgBackup } from '../domain/resources/pg-backup.ts';
import type { PgManager, PendingAnnouncement } from '../domain/resources/pg-manager.ts';
import { rotationOf, successOf } from './condition.ts';
import type { Observation } from './observation.ts';
import { applyRotation } from './outcome.ts';

/** How many failed PgBackups of a StatefulSet stay. */
const keptFailures = 10;
/** PgBackups removed in one round: as many as one exec clears the files of. */
const batch = 40;

/** Returns what is left to do after an outcome; undefined when all of it is announced. */
export function announcePending(observation: Observation): Decision | undefined {
  const outbox = rotationOf(observation.manager).outbox ?? [];
  if (outbox.length === 0) return undefined;
  const obsolete = [...deletedBackups(observation, outbox), ...oldFailures(observation, outbox)];
  if (obsolete.length > 0) return removeObsolete(obsolete);
  return announce(observation, outbox);
}

/**
 * A PgBackup whose own end has not been announced stays until it is: the announcement is read from it. This one's
 * waits with it, for the same sink.
 */
function deletedBackups({ backups }: Observation, outbox: readonly PendingAnnouncement[]): PgBackup[] {
  return backups.filter((backup) => outbox.some((pending) => isDeletedBy(backups, pending, backup)));
}

/** A name may be stored again after the deletion, by a backup that is younger than the success which the rotation served. */
function isDeletedBy(
  backups: readonly PgBackup[],
  { id, outcome, deleted }: PendingAnnouncement,
  backup: PgBackup,
): boolean {
  const { state, backup: stored } = backup.status;
  if (outcome === 'dryrun' || state !== 'success' || stored === undefined || !deleted.includes(stored.name))
    return false;
  const served = backups.find(({ metadata }) => metadata.uid === successOf(id));
  return served === undefined || backup.metadata.creationTimestamp <= served.metadata.creationTimestamp;
}

/** Beyond the newest ten; those that stand for no run take no place from one that does. Only a rotation that may delete clears away. */
function oldFailures({ backups }: Observation, outbox: readonly PendingAnnouncement[]): PgBackup[] {
  if (outbox.every(({ outcome }) => outcome !== 'success')) return [];
  const failures = backups
    .filter(({ status }) => status.state === 'error')
    .toSorted((a, b) => Number(endedStale(a)) - Number(endedStale(b)) || byAge(b, a));
  return failures.slice(keptFailures).filter(({ status }) => status.announced === 'error');
}

/** Files first: without its PgBackup nobody would know of them. */
function removeObsolete(obsolete: readonly PgBackup[]): Decision {
  const announced = obsolete.filter(({ status }) => status.announced === status.state);
  const first = announced[0];
  if (first === undefined) {
    const message = `PgBackup ${obsolete[0]?.metadata.name} is cleared away once its end is announced`;
    return { commands: [], next: 'done', reason: 'AnnouncementPending', message };
  }
  const container = locationOf(first);
  const some = announced.filter((backup) => locationOf(backup) === container).slice(0, batch);
  return {
    commands: [...pruneFiles(some), ...some.map(removeBackup)],
    next: 'again',
    reason: 'PgBackupsPruned',
    message: `${some.length} PgBackups are cleared away`,
  };
}

function locationOf({ status }: PgBackup): string {
  return `${status.executor?.pod ?? ''}:${status.executor?.directory ?? ''}`;
}

/** All of them ran in one place; those that never ran have no files. */
function pruneFiles(backups: readonly PgBackup[]): Command[] {
  const [first] = backups;
  const executor = first?.status.executor;
  if (first === undefined || executor === undefined) return [];
  return [
    {
      type: 'prune',
      pod: podRef(first.metadata.namespace, executor.pod),
      directory: executor.directory,
      runs: backups.map(({ metadata }) => ({ id: metadata.uid, name: metadata.name })),
    },
  ];
}

function removeBackup({ metadata }: PgBackup): Command {
  const { name, namespace, uid } = metadata;
  return { type: 'removeBackup', target: { name, namespace, uid } };
}

function announce(observation: Observation, outbox: readonly PendingAnnouncement[]): Decision {
  const { manager } = observation;
  const last = outbox.at(-1);
  const announced = defined({
    ...rotationOf(manager),
    outbox: undefined,
    announced: last === undefined ? undefined : `${last.id}/${last.outcome}`,
  });
  return {
    commands: [
      ...outbox.map((pending) => kubernetesEvent(observation, pending)),
      {
        type: 'post',
        events: outbox.map((pending) => cloudEvent(manager, pending)),
        then: [applyRotation(manager, announced)],
      },
    ],
    next: 'again',
    reason: 'Announcing',
    message: last?.message ?? '',
  };
}

const kubernetesReason = {
  success: 'RotationSucceeded',
  dryrun: 'RotationSucceeded',
  refused: 'RotationRefused',
  error: 'RotationFailed',
} as const;

function kubernetesEvent({ manager, now }: Observation, pending: PendingAnnouncement): Command {
  const { name, namespace, uid } = manager.metadata;
  const reason = kubernetesReason[pending.outcome];
  return {
    type: 'recordEvent',
    event: buildKubernetesEvent({
      object: { kind: 'PgManager', name, namespace, uid },
      transition: `rotation-${pending.id}-${pending.outcome}`,
      type: reason === 'RotationSucceeded' ? 'Normal' : 'Warning',
      reason,
      message: pending.message,
      time: now,
      reporter: 'rotation',
    }),
  };
}

function cloudEvent(manager: PgManager, pending: PendingAnnouncement): OwnEvent {
  const { name, namespace, uid } = manager.metadata;
  const { id, outcome, message, deleted, kept } = pending;
  const succeeded = outcome === 'success' || outcome === 'dryrun';
  return {
    type: succeeded ? eventType.rotationSucceeded : eventType.rotationFailed,
    source: path.manager(namespace, name),
    id: `${uid}/rotation/${id}/${outcome}`,
    subject: `pgmanager/${namespace}/${name}`,
    data: defined({
      namespace,
      name,
      uid,
      statefulSet: manager.spec.selector.name,
      id,
      outcome,
      deleted,
      kept,
      message,
      dryRun: outcome === 'dryrun',
    }),
  };
}
