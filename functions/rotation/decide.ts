/** What a look at the rotation of one PgManager leads to: the run first, then what is owed, then telling. No side effects. */
import { isDeepStrictEqual } from 'node:util';
import { isFinished } from '../domain/resources/backup-state.ts';
import type { Decision } from '../domain/commands/command.ts';
import { byAge, successToServe } from '../domain/resources/manager-state.ts';
import type { PgBackup } from '../domain/resources/pg-backup.ts';
import type { RotationCondition } from '../domain/resources/pg-manager.ts';
import { atRest, retryAt, rotationOf } from './condition.ts';
import { rfc3339 } from '../domain/time.ts';
import { timerName } from '../domain/events/timer.ts';
import { tell } from './announce.ts';
import type { Observation } from './observation.ts';
import { judgeDue } from './plan.ts';
import { judgeRunning } from './run.ts';
import { applyRotation } from './outcome.ts';

/** Where the rotation of a manager stands. Only `running` and `due` need the pod. */
export type Stance =
  | { readonly kind: 'running'; readonly running: NonNullable<RotationCondition['running']> }
  | { readonly kind: 'due'; readonly success: PgBackup }
  /** Owed, but a backup of the StatefulSet is not finished. */
  | { readonly kind: 'waiting'; readonly behind: PgBackup }
  /** Owed, but its last run failed a short while ago. */
  | { readonly kind: 'later'; readonly until: string }
  /** The PgBackup of the newest success is gone; the backup function will name another. */
  | { readonly kind: 'unfounded' }
  | { readonly kind: 'served' };

/** First hit wins. */
export function stanceOf({ manager, backups, now }: Pick<Observation, 'manager' | 'backups' | 'now'>): Stance {
  const rotation = rotationOf(manager);
  if (rotation.running !== undefined) return { kind: 'running', running: rotation.running };
  const uid = successToServe(manager);
  if (uid === undefined) return { kind: 'served' };
  const behind = backups.filter((backup) => !isFinished(backup)).toSorted(byAge)[0];
  if (behind !== undefined) return { kind: 'waiting', behind };
  const success = backups.find(({ metadata, status }) => metadata.uid === uid && status.state === 'success');
  if (success === undefined) return { kind: 'unfounded' };
  const until = retryAt(rotation, uid);
  if (until !== undefined && now < until) return { kind: 'later', until: rfc3339(until) };
  return { kind: 'due', success };
}

export function decide(observation: Observation): Decision {
  const stance = stanceOf(observation);
  switch (stance.kind) {
    case 'running':
      return judgeRunning(observation, stance.running);
    case 'due':
      return judgeDue(observation, stance.success);
    default:
      return rest(observation, stance);
  }
}

/** Nothing to do in the pod: the condition says so, what is untold is told, and the timer goes; the sweep knows what is owed. */
function rest(observation: Observation, stance: Exclude<Stance, { kind: 'running' | 'due' }>): Decision {
  const { manager } = observation;
  const stored = rotationOf(manager);
  const wanted = restingCondition(stored, stance);
  if (!isDeepStrictEqual(wanted, stored)) {
    return { commands: [applyRotation(manager, wanted)], next: 'again', ...wording(stance) };
  }
  const { namespace, uid } = manager.metadata;
  return (
    tell(observation) ?? {
      commands: [{ type: 'removeTimer', namespace, name: timerName('rotation', uid) }],
      next: 'settled',
      ...wording(stance),
    }
  );
}

type Resting = Exclude<Stance, { kind: 'running' | 'due' }>;

function restingCondition(stored: RotationCondition, stance: Resting): RotationCondition {
  if (stance.kind === 'served') return atRest(stored);
  return stance.kind === 'waiting' ? { ...stored, status: 'pending', message: wording(stance).message } : stored;
}

function wording(stance: Resting): { reason: string; message: string } {
  switch (stance.kind) {
    case 'waiting':
      return { reason: 'BackupUnfinished', message: `waiting for PgBackup ${stance.behind.metadata.name}` };
    case 'later':
      return { reason: 'RetryLater', message: `the last run failed; not before ${stance.until}` };
    case 'unfounded':
      return { reason: 'SuccessGone', message: 'the PgBackup of the newest success is gone' };
    case 'served':
      return { reason: 'NothingOwed', message: 'retention already ran for the newest backup' };
  }
}
