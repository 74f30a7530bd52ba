/** Decides about the backups of one StatefulSet: first the running one, then the oldest pending one, then announcements. No side effects. */
import { isLaunching, isRunning, isWaitingForArchive } from '../domain/resources/backup-state.ts';
import type { Command, Decision } from '../domain/commands/command.ts';
import { judgeLost } from './lost.ts';
import { judgeRunning } from './run.ts';
import { judgeWaiting, waitingOf } from './archive.ts';
import type { PgBackup } from '../domain/resources/pg-backup.ts';
import { backupTimer } from '../domain/commands/run-timers.ts';
import { timerName } from '../domain/events/timer.ts';
import { announceCommands, conditionCommands, pendingAnnouncements } from './announce.ts';
import { queueOf, type Observation } from './observation.ts';
import { alreadyRunning, end, judgeStart, ensuresTimers, orphanStop, pendBehind, relaunch } from './start.ts';
import { endStale } from './stale.ts';
import { transitionCommands, type Transition } from './transition.ts';

export function decide(observation: Observation): Decision {
  const beside = besideOf(observation);
  return decideStale(observation) ?? decideBeside(observation, beside) ?? decideQueue(observation, beside);
}

function decideStale({ now, open }: Observation): Decision | undefined {
  const stale = endStale(open, now);
  if (stale.length === 0) return undefined;
  const message = `${stale.length} PgBackups that were put back are ended`;
  return { commands: stale, next: 'again', reason: 'Stale', message };
}

/** A PgBackup that is in nobody's way, and what becomes of it now. */
interface Beside {
  readonly backup: PgBackup;
  readonly judged: Transition | undefined;
}

/** Those whose pod is lost, then those that only wait for their WAL. */
function besideOf(observation: Observation): Beside[] {
  const { lost = [], open, waiting = [] } = observation;
  const gone = open.flatMap((backup) => {
    const run = lost.find(({ uid }) => uid === backup.metadata.uid);
    return run === undefined ? [] : [{ backup, judged: judgeLost(observation, backup, run) }];
  });
  const behind = waitingOf(open).map((backup) => {
    const run = waiting.find(({ uid }) => uid === backup.metadata.uid);
    return { backup, judged: run && judgeWaiting(observation, backup, run) };
  });
  return [...behind, ...gone];
}

/** The first of them that changes; undefined when none does. */
function decideBeside(observation: Observation, beside: readonly Beside[]): Decision | undefined {
  for (const { backup, judged } of beside) {
    if (judged?.kind !== 'write') continue;
    const { message, reason } = judged;
    const unfinished = queueOf(observation.open).filter((other) => other !== backup || !endsNow(judged));
    const timers = ensuresTimers(observation) ? unfinished.map(backupTimer) : [];
    return { commands: [...timers, ...transitionCommands(backup, judged)], next: 'again', reason, message };
  }
  return undefined;
}

function decideQueue(observation: Observation, besides: readonly Beside[]): Decision {
  const beside = besides.map(({ backup }) => backup);
  const [subject, ...others] = queueOf(observation.open).filter((backup) => !beside.includes(backup));
  if (subject === undefined)
    return announcePending(observation, beside.length > 0 ? waitBeside(observation, beside) : afterLast(observation));
  const judged = isRunning(subject) ? judgeRunning(observation, subject) : judgeStart(observation, subject);
  const transition = judged.kind === 'startLost' ? relaunch(observation, subject) : judged;
  const timers = ensuresTimers(observation) ? [subject, ...others, ...beside].map(backupTimer) : [];
  switch (transition.kind) {
    case 'write':
      return {
        commands: [...(endsNow(transition) ? [] : timers), ...transitionCommands(subject, transition)],
        next: 'again',
        reason: transition.reason,
        message: transition.message,
      };
    default:
      return decideOthers(observation, { subject, others, transition: transition, timers });
  }
}

/** Only those in nobody's way are unfinished: a lost pod needs minutes, an archiver that works needs seconds. */
function waitBeside(observation: Observation, beside: readonly PgBackup[]): Decision {
  const commands = ensuresTimers(observation) ? beside.map(backupTimer) : [];
  const names = beside.map(({ metadata }) => metadata.name).join(', ');
  const archive = beside.some(isWaitingForArchive);
  return {
    commands,
    next: archive && !observation.firstRound ? 'wait' : 'done',
    reason: archive ? 'WaitingForArchive' : 'PodLost',
    message: archive ? `waiting for the WAL of ${names}` : `the pod of ${names} is lost`,
  };
}

function endsNow(transition: Extract<Transition, { kind: 'write' }>): boolean {
  return transition.status.state === 'success' || transition.status.state === 'error';
}

interface Waiting {
  readonly subject: PgBackup;
  readonly others: readonly PgBackup[];
  readonly transition: Extract<Transition, { kind: 'wait' | 'retry' }>;
  readonly timers: readonly Command[];
}

/** The first backup is pending or running: updates those behind it, then announces what is pending. */
function decideOthers(observation: Observation, waiting: Waiting): Decision {
  const { subject, others, transition: step, timers } = waiting;
  const commands = [...timers, ...(step.commands ?? [])];
  const writes = others.flatMap((backup): Command[] => {
    const judged = judgeBehind(observation, backup, subject);
    return judged?.kind === 'write' ? transitionCommands(backup, judged) : [];
  });
  if (writes.length > 0) {
    return {
      commands: [...commands, ...writes],
      next: 'again',
      reason: 'OthersBehind',
      message: `${others.length} behind ${subject.metadata.name}`,
    };
  }
  return announcePending(observation, {
    commands,
    next: nextWhileWaiting(observation, step),
    reason: step.reason,
    message: step.message,
  });
}

/** Polls only what this activation started. Work that was already in progress has a timer. */
function nextWhileWaiting({ firstRound }: Observation, { kind }: Waiting['transition']): Decision['next'] {
  return kind === 'wait' && firstRound ? 'done' : kind;
}

/** While the first backup is pending, so are the others. Once it has started, they fail with AlreadyRunning. */
function judgeBehind(observation: Observation, backup: PgBackup, first: PgBackup): Transition | undefined {
  // Two run at once after the pod of one was lost. If it has come back, the other is judged when this one has ended.
  if (isLaunching(first) || isRunning(backup)) return undefined;
  if (!isRunning(first)) return first.status.state === 'pending' ? pendBehind(observation, backup, first) : undefined;
  return end(observation, backup, alreadyRunning(observation, first));
}

/** Nothing is unfinished: an orphan may have to be stopped. */
function afterLast(observation: Observation): Decision {
  const stop = orphanStop(observation);
  return stop.length > 0
    ? {
        commands: stop,
        next: 'waitOrRetry',
        reason: 'OrphanStopped',
        message: 'stopping a run whose PgBackup is finished or gone',
      }
    : {
        commands: [],
        next: 'done',
        reason: 'NothingUnfinished',
        message: `no unfinished PgBackup of ${observation.statefulSet}`,
      };
}

/** Adds conditions and announcements to a decision. */
function announcePending(observation: Observation, decision: Decision): Decision {
  const conditions = conditionCommands(observation);
  const announcements = pendingAnnouncements(observation).flatMap((backup) => announceCommands(observation, backup));
  if (conditions.length === 0 && announcements.length === 0) return decision;
  return {
    ...decision,
    commands: [...decision.commands, ...conditions, ...announcements],
    next: decision.next === 'done' ? 'again' : decision.next,
    message: decision.message,
  };
}

/** The observe timer of a PgBackup that is finished and announced, where a crash left it behind. */
export function leftoverTimer(namespace: string, uid: string): Command {
  return { type: 'removeTimer', namespace, name: timerName('backup', uid) };
}
