/** Where the rotation of one PgManager stands. No side effects. */
import { successToServe, byAge } from '../domain/resources/manager-state.ts';
import { isFinished, isWaitingForArchive } from '../domain/resources/backup-state.ts';
import type { PgBackup } from '../domain/resources/pg-backup.ts';
import type { RotationCondition } from '../domain/resources/pg-manager.ts';
import type { Observation } from './observation.ts';
import { rotationOf, retryAt } from './condition.ts';
import { rfc3339 } from '../domain/time.ts';

/** Where the rotation of a manager stands. Only `running` and `due` need the pod. */
export type RotationState =
  | { readonly kind: 'running'; readonly running: NonNullable<RotationCondition['running']> }
  | { readonly kind: 'due'; readonly success: PgBackup }
  /** Due, but a backup of the StatefulSet is not finished, and does not only wait for its WAL. */
  | { readonly kind: 'waiting'; readonly behind: PgBackup }
  /** Due, but its last run failed a short while ago. */
  | { readonly kind: 'later'; readonly until: string }
  /** The PgBackup of the newest success is gone; the backup function will name another. */
  | { readonly kind: 'successGone' }
  | { readonly kind: 'served' };

/** First hit wins. */
export function rotationStateOf({
  manager,
  backups,
  now,
}: Pick<Observation, 'manager' | 'backups' | 'now'>): RotationState {
  const rotation = rotationOf(manager);
  if (rotation.running !== undefined) return { kind: 'running', running: rotation.running };
  const uid = successToServe(manager);
  if (uid === undefined) return { kind: 'served' };
  const behind = backups.filter((backup) => !isFinished(backup) && !isWaitingForArchive(backup)).toSorted(byAge)[0];
  if (behind !== undefined) return { kind: 'waiting', behind };
  const success = backups.find(({ metadata, status }) => metadata.uid === uid && status.state === 'success');
  if (success === undefined) return { kind: 'successGone' };
  const until = retryAt(rotation, uid);
  if (until !== undefined && now < until) return { kind: 'later', until: rfc3339(until) };
  return { kind: 'due', success };
}
