/** PgBackups that a restore of the Kubernetes cluster, or a Git repository, has put back. No side effects. */
import type { Command } from '../domain/commands/command.ts';
import { slotAnnotation } from '../domain/resources/names.ts';
import type { PgBackup } from '../domain/resources/pg-backup.ts';
import { parseTime, rfc3339, type UnixSeconds } from '../domain/time.ts';
import { applyBackupStatus } from './transition.ts';
import { latestStart } from '../domain/run/limits.ts';

/** How many are ended in one round: whoever restores a cluster puts back hundreds at once. */
const batch = 50;

/** True when a PgBackup without status was created so long after its slot that no PgManager can have made it. */
export function isStale({ metadata, status }: PgBackup): boolean {
  const slot = parseTime(metadata.annotations[slotAnnotation]);
  const created = parseTime(metadata.creationTimestamp);
  if (status.state !== undefined || slot === undefined || created === undefined) return false;
  return created - slot > latestStart;
}

/** Ends stale PgBackups in silence: what they stood for ended long ago, and nobody has to act. */
export function endStale(open: readonly PgBackup[], now: UnixSeconds): Command[] {
  return open
    .filter(isStale)
    .slice(0, batch)
    .map((backup) =>
      applyBackupStatus(backup, {
        state: 'error',
        reason: 'Stale',
        message: `Stale: this PgBackup was created long after its slot ${backup.metadata.annotations[slotAnnotation]}, so it was put back. Nothing was started. Delete it when you do not need it.`,
        finishTime: rfc3339(now),
        announced: 'error',
      }),
    );
}
