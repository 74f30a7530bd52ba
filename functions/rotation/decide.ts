/** Decides about the rotation of one PgManager: first the run, then what is due, then announcements. No side effects. */
import { isDeepStrictEqual } from 'node:util';
import type { Command, Decision } from '../domain/commands/command.ts';
import type { PgManager, RotationCondition } from '../domain/resources/pg-manager.ts';
import { atRest, rotationOf } from './condition.ts';
import { timerName } from '../domain/events/timer.ts';
import { backupRequest } from '../domain/commands/backup-request.ts';
import { announcePending } from './announce.ts';
import type { Observation } from './observation.ts';
import { judgeDue } from './plan.ts';
import { judgeRunning } from './run.ts';
import { applyRotation } from './outcome.ts';
import { rotationStateOf, type RotationState } from './state.ts';

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
      commands: [
        ...askForSuccess(manager, state),
        { type: 'removeTimer', namespace, name: timerName('rotation', uid) },
      ],
      next: 'done',
      ...wording(state),
    }
  );
}

/** The delete event of the newest success was lost. Only the backup function writes which success is the newest now. */
function askForSuccess(manager: PgManager, { kind }: Resting): Command[] {
  const gone = manager.status.conditions.backup?.lastSuccess;
  if (kind !== 'successGone' || gone === undefined) return [];
  return [{ type: 'post', events: [backupRequest(manager, { name: gone.uid, uid: gone.uid })], then: [] }];
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
