/** Several PgManagers may name the same StatefulSet; which of them counts is decided here, once. */
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
