/** Ends a rotation: its condition, what has to be warned of, and files that nothing names any more. No side effects. */
import { buildKubernetesEvent } from '../domain/commands/kubernetes-event.ts';
import type { CatalogueEntry } from '../domain/catalogue/catalogue.ts';
import { podRef } from '../domain/commands/run-commands.ts';
import type { Command, Decision } from '../domain/commands/command.ts';
import { fieldManager } from '../domain/resources/names.ts';
import type { PgBackup } from '../domain/resources/pg-backup.ts';
import type { PgManager, RotationCondition } from '../domain/resources/pg-manager.ts';
import { afterEnding, attemptOf, forgottenRuns, goneOf, rotationOf, type Ending } from './condition.ts';
import { rfc3339 } from '../domain/time.ts';
import { failureMessage } from './messages.ts';
import type { Observation } from './observation.ts';

/** The whole `conditions.rotation`, decided from the version of the manager that was read. */
export function applyRotation(manager: PgManager, rotation: RotationCondition): Command {
  return {
    type: 'applyStatus',
    kind: 'PgManager',
    target: manager.metadata,
    fieldManager: fieldManager.rotation,
    status: { conditions: { rotation } },
  };
}

/** Writes an ending. `entries` is the catalogue that it was decided from, when it was read. */
export function recordOutcome(observation: Observation, ending: Ending, entries?: readonly CatalogueEntry[]): Decision {
  const { manager } = observation;
  const rotation = rotationOf(manager);
  const lost = entries === undefined ? undefined : missingBackups(observation, entries);
  const known = new Set(rotation.missing ?? []);
  const names = lost?.map(({ metadata }) => metadata.name).toSorted();
  return {
    commands: [
      ...(lost ?? [])
        .filter(({ metadata }) => !known.has(metadata.name))
        .flatMap((backup) => vanishedEvents(observation, backup, entries ?? [])),
      ...forgetRuns(observation, forgottenRuns(rotation, ending)),
      applyRotation(manager, afterEnding(rotation, ending, names)),
    ],
    next: 'again',
    reason: { success: 'Rotated', dryrun: 'DryRun', refused: 'Refused', error: 'Failed' }[ending.outcome],
    message: ending.message,
  };
}

/** A failure that a later attempt may not meet. The tenth one is served. `log` says where wal-g's own words are. */
export function fail(observation: Observation, id: string, fact: string, log = ''): Decision {
  const { manager, now } = observation;
  const { running } = rotationOf(manager);
  return recordOutcome(observation, {
    id,
    outcome: 'error',
    message: failureMessage(fact, attemptOf(id), log),
    // Both by the API server's clock: the pod's may be another.
    startTime: running?.id === id ? running.startTime : rfc3339(now),
    finishTime: rfc3339(now),
    deleted: [],
  });
}

/**
 * PgBackups in success whose entry is not listed, but for those that a rotation deleted. Whose an entry is that cannot be
 * read is not known: it may be the one of its name.
 */
function missingBackups({ backups, manager }: Observation, entries: readonly CatalogueEntry[]): PgBackup[] {
  const { outbox = [], planned } = rotationOf(manager);
  const listed = new Set(entries.filter(({ readable }) => readable).map(({ owner }) => owner?.uid));
  const unread = new Set(entries.filter(({ readable }) => !readable).map(({ name }) => name));
  const deleted = new Set([
    ...goneOf(planned, entries),
    ...outbox.filter(({ outcome }) => outcome !== 'dryrun').flatMap((pending) => pending.deleted),
  ]);
  return backups.filter(
    ({ metadata, status }) =>
      status.state === 'success' &&
      status.backup !== undefined &&
      !listed.has(metadata.uid) &&
      !unread.has(status.backup.name) &&
      !deleted.has(status.backup.name),
  );
}

/** One on the PgBackup and one on the manager. */
function vanishedEvents(
  { manager, now }: Observation,
  backup: PgBackup,
  entries: readonly CatalogueEntry[],
): Command[] {
  const { name, namespace, uid } = backup.metadata;
  const text = vanishedText(backup.status.backup?.name, entries);
  const common = {
    type: 'Warning' as const,
    reason: 'BackupVanished',
    time: now,
    reporter: 'rotation',
  };
  return [
    {
      type: 'recordEvent',
      event: buildKubernetesEvent({
        ...common,
        object: { kind: 'PgBackup', name, namespace, uid },
        transition: 'vanished',
        message: text,
      }),
    },
    {
      type: 'recordEvent',
      event: buildKubernetesEvent({
        ...common,
        object: { kind: 'PgManager', name: manager.metadata.name, namespace, uid: manager.metadata.uid },
        transition: `${uid}-vanished`,
        message: `${name}: ${text}`,
      }),
    },
  ];
}

function vanishedText(name: string | undefined, entries: readonly CatalogueEntry[]): string {
  const fact = entries.some((entry) => entry.name === name)
    ? `${name} was stored again by another run, so what this PgBackup stands for is gone.`
    : `${name} is not in storage any more, and no rotation deleted it.`;
  return `${fact} The PgBackup is kept. If that was intended, delete the PgBackup too.`;
}

/** Best effort, in the pod of the last inspection: files of a few hundred bytes each. */
function forgetRuns({ podInspection, manager }: Observation, ids: readonly string[]): Command[] {
  if (podInspection?.answer.ok !== true || ids.length === 0) return [];
  return [
    {
      type: 'prune',
      pod: podRef(manager.metadata.namespace, podInspection.container.pod),
      directory: manager.spec.backup.directory,
      runs: ids.map((id) => ({ id })),
    },
  ];
}
