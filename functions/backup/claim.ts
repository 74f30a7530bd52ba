/** What a run claims to have stored, and how it ends when that cannot be proved. No side effects. */
import type { Claim } from '../domain/catalogue/proof.ts';
import type { BackupFailure } from '../domain/failure-kinds.ts';
import type { PgBackup } from '../domain/resources/pg-backup.ts';
import { proofPatience } from '../domain/run/limits.ts';
import { oneLine } from '../domain/text.ts';
import { parseTime, span } from '../domain/time.ts';

/** What a stored backup of this PgBackup says of itself in its user data. */
export function claimOf(backup: PgBackup): Claim {
  const { uid, namespace, creationTimestamp } = backup.metadata;
  return { uid, namespace, statefulSet: backup.spec.selector.name, since: parseTime(creationTimestamp) ?? 0 };
}

/** The failure of a run whose proof was not had in time, with what was said last. */
export function unprovable(why: string): BackupFailure {
  const text = `finished but could not be proved within ${span(proofPatience)}: ${oneLine(why)}. Nothing counts as stored. Check the storage, then run a new backup.`;
  return { kind: 'WalgError', text };
}
