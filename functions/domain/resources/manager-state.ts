/** Questions about one PgManager, or about several that name the same StatefulSet. */
import type { PgManager } from './pg-manager.ts';

interface Aged {
  readonly metadata: { readonly creationTimestamp: string; readonly uid: string };
}

/** Oldest first; the uid decides within one second. */
export function byAge(left: Aged, right: Aged): number {
  const [a, b] = [left.metadata, right.metadata];
  if (a.creationTimestamp !== b.creationTimestamp) return a.creationTimestamp < b.creationTimestamp ? -1 : 1;
  return a.uid < b.uid ? -1 : Number(a.uid > b.uid);
}

/**
 * Returns the PgManager that acts for a StatefulSet: its slots run, and its directory and timeout count. It is the oldest
 * one that is not suspended, or the oldest one when all are suspended. The others of the same selector only watch.
 */
export function actingManager(managers: readonly PgManager[]): PgManager | undefined {
  const live = managers.filter((manager) => manager.metadata.deletionTimestamp === undefined).toSorted(byAge);
  return live.find((manager) => !manager.spec.backup.suspend) ?? live[0];
}

/**
 * Returns the PgManager that deletes old backups: this one when it is alone, else the only one that is not suspended;
 * undefined when none may.
 */
export function deletingManager(manager: PgManager, managers: readonly PgManager[]): PgManager | undefined {
  if (managers.length < 2) return manager;
  const [active, ...others] = managers.filter(({ spec }) => !spec.backup.suspend);
  return others.length === 0 ? active : undefined;
}

/** True when another PgManager acts for the StatefulSet although this one is not suspended: its slots do not run. */
export function isInConflict(manager: PgManager, managers: readonly PgManager[]): boolean {
  const acting = actingManager(managers);
  return acting !== undefined && acting.metadata.uid !== manager.metadata.uid && !manager.spec.backup.suspend;
}

/** Returns the UID of the newest proven backup while it is not the one that the last finished rotation served. */
export function successToServe(manager: PgManager): string | undefined {
  const { backup, rotation } = manager.status.conditions;
  const newest = backup?.lastSuccess?.uid;
  return newest === rotation?.servedBackup ? undefined : newest;
}

/** True when the rotation function has work: a success to serve, a run in progress, or an outcome to announce. */
export function rotationIsDue(manager: PgManager): boolean {
  const { rotation } = manager.status.conditions;
  return (
    successToServe(manager) !== undefined ||
    rotation?.running !== undefined ||
    (rotation?.outbox !== undefined && rotation.outbox.length > 0)
  );
}
