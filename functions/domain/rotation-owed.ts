import type { PgManager } from './resources.ts';

/** A rotation is owed while the newest proven backup is not the one that the last settled rotation served. */
export function rotationOwed(manager: PgManager): boolean {
  const { backup, rotation } = manager.status.conditions;
  const newest = backup?.lastSuccess?.uid;
  return newest !== undefined && newest !== rotation?.servedBackup;
}
