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

/** The one whose slots run and whose directory and timeout count; the others of the same selector only watch. */
export function oldestManager(managers: readonly PgManager[]): PgManager | undefined {
  return managers.filter((manager) => manager.metadata.deletionTimestamp === undefined).toSorted(byAge)[0];
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
