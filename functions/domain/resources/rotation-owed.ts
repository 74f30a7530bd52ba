import type { PgManager } from './pg-manager.ts';

/** UID of the newest proven backup while it is not the one that the last settled rotation served. */
export function successToServe(manager: PgManager): string | undefined {
  const { backup, rotation } = manager.status.conditions;
  const newest = backup?.lastSuccess?.uid;
  return newest === rotation?.servedBackup ? undefined : newest;
}

/** Whether the rotation function has something to do: a success to serve, a run to look at, or an outcome to tell. */
export function rotationOwed(manager: PgManager): boolean {
  const { rotation } = manager.status.conditions;
  return (
    successToServe(manager) !== undefined ||
    rotation?.running !== undefined ||
    (rotation?.outbox !== undefined && rotation.outbox.length > 0)
  );
}
