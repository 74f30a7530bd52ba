/** Decides about the rotation of one PgManager: first the run, then what is due, then announcements. No side effects. */
import { isDeepStrictEqual } from 'node:util';
import { isFinished } from '../domain/resources/backup-state.ts';
import type { Decision } from '../domain/commands/command.ts';
import { byAge, successToServe } from '../domain/resources/manager-state.ts';
import type { PgBackup } from '../domain/resources/pg-backup.ts';
import type { RotationCondition } from '../domain/resources/pg-manager.ts';
import { atRest, retryAt, rotationOf } from './condition.ts';
import { rfc3339 } from '../domain/time.ts';
import { timerName } from '../domain/events/timer.ts';
import { announcePending } from './announce.ts';
import type { Observation } from './observation.ts';
import { judgeDue } from './plan.ts';
import { judgeRunning } from './run.ts';
import { applyRotation } from './outcome.ts';

/** Where the rotation of a manager stands. Only `running` and `due` need the pod. */
export type RotationState =
  | { readonly kind: 'running'; readonly running: NonNullable<RotationCondition['running']> }
  | { readonly kind: 'due'; readonly success: PgBackup }
  /** Due, but a backup of the StatefulSet is not finished. */
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
  const behind = backups.filter((backup) => !isFinished(backup)).toSorted(byAge)[0];
  if (behind !== undefined) return { kind: 'waiting', behind };
  const success = backups.find(({ metadata, status }) => metadata.uid === uid && status.state === 'success');
  if (success === undefined) return { kind: 'successGone' };
  const until = retryAt(rotation, uid);
  if (until !== undefined && now < until) return { kind: 'later', until: rfc3339(until) };
  return { kind: 'due', success };
}

export function decide(observation: Observation): Decision {
  const state = rotationStateOf(observation);
  switch (state.kind) {
    case 'running':
      return judgeRunning(observation, state.running);
    case 'due':
      return judgeDue(observation, state.success);
    default:
      return rest(observation, state);
  }
}

/** Nothing to do in the pod: updates the condition, announces what is pending, and removes the timer. The sweep knows what is due. */
function rest(observation: Observation, state: Exclude<RotationState, { kind: 'running' | 'due' }>): Decision {
  const { manager } = observation;
  const stored = rotationOf(manager);
  const wanted = restingCondition(stored, state);
  if (!isDeepStrictEqual(wanted, stored)) {
    return { commands: [applyRotation(manager, wanted)], next: 'again', ...wording(state) };
  }
  const { namespace, uid } = manager.metadata;
  return (
    announcePending(observation) ?? {
      commands: [{ type: 'removeTimer', namespace, name: timerName('rotation', uid) }],
      next: 'done',
      ...wording(state),
    }
  );
}

type Resting = Exclude<RotationState, { kind: 'running' | 'due' }>;

function restingCondition(stored: RotationCondition, state: Resting): RotationCondition {
  if (state.kind === 'served') return atRest(stored);
  return state.kind === 'waiting' ? { ...stored, status: 'pending', message: wording(state).message } : stored;
}

function wording(state: Resting): { reason: string; message: string } {
  switch (state.kind) {
    case 'waiting':
      return { reason: 'BackupUnfinished', message: `waiting for PgBackup ${state.behind.metadata.name}` };
    case 'later':
      return { reason: 'RetryLater', message: `the last run failed; not before ${state.until}` };
    case 'successGone':
      return { reason: 'SuccessGone', message: 'the PgBackup of the newest success is gone' };
    case 'served':
      return { reason: 'NothingDue', message: 'retention already ran for the newest backup' };
  }
}
