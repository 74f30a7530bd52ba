/** Decides about the PgBackup that is next in turn: start it, let it wait, or end it at once. No side effects. */
import { isFinished, isWaitingForArchive } from '../domain/resources/backup-state.ts';
import type { Command } from '../domain/commands/command.ts';
import { buildKubernetesEvent } from '../domain/commands/kubernetes-event.ts';
import { defined } from '../domain/defined.ts';
import { failureText, type FailureKind, type BackupFailure, type WaitReason } from '../domain/failure-kinds.ts';
import { pinExecutor, startNotAfter } from '../domain/run/launch.ts';
import {
  noPrimaryText,
  severalPrimariesText,
  waitingMessage,
  type DatabaseContainer,
  type Location,
} from '../domain/run/location.ts';
import { databaseDown, forbiddenText, obstacleFailure } from '../domain/run/obstacles.ts';
import type { PgBackup } from '../domain/resources/pg-backup.ts';
import { podRef } from '../domain/commands/run-commands.ts';
import { backupTimer } from '../domain/commands/run-timers.ts';
import type { Inspection } from '../domain/run/protocol.ts';
import { oneLine } from '../domain/text.ts';
import { clockTime, parseTime, rfc3339, type UnixSeconds } from '../domain/time.ts';
import { failed } from './outcome.ts';
import type { PodInspection } from '../domain/run/observed-run.ts';
import { settingsFor, type Observation } from './observation.ts';
import { type Transition } from './transition.ts';
import { podPatience, rotationPatience, switchoverPatience } from '../domain/run/limits.ts';

/** Marks a PgBackup whose last start was lost. */
const startLost = 'the start did not reach the pod; it is tried again';

/** Marks a PgBackup whose wal-g found a database that takes no connection. */
export const noConnection =
  'waiting: PostgreSQL took no connection when wal-g began (SQLSTATE 57P03); it is tried again';

export function judgeStart(observation: Observation, backup: PgBackup): Transition {
  const { location, podInspection } = observation;
  if (location === undefined) return { kind: 'retry', reason: 'NotInspected', message: 'the pod was not read' };
  if (location.found === 'never') return end(observation, backup, location.problem);
  if (location.found !== 'ready') return waitForLocation(observation, backup, location);
  if (podInspection === undefined)
    return { kind: 'retry', reason: 'NotInspected', message: 'the pod was not inspected' };
  if (!podInspection.answer.ok) return judgeProblem(observation, backup, podInspection);
  const inspection = podInspection.answer.value;
  if (inspection.obstacle !== undefined)
    return end(
      observation,
      backup,
      obstacleFailure(podInspection.container.pod, inspection.obstacle, settingsFor(observation.managers).directory),
    );
  const down = databaseDown(inspection);
  if (down !== undefined) return waitForPod(observation, backup, { pod: podInspection.container.pod, state: down });
  return inspection.holder === undefined
    ? judgeFree(observation, backup, { container: podInspection.container, inspection })
    : judgeHolder(observation, backup, inspection);
}

function waitForLocation(
  observation: Observation,
  backup: PgBackup,
  location: Exclude<Location, { found: 'ready' | 'never' }>,
): Transition {
  switch (location.found) {
    case 'notReady':
      return waitForPod(observation, backup, { pod: location.pod, state: location.state });
    case 'noPrimary':
      return waitForPrimary(observation, backup, noPrimaryText(location));
    case 'severalPrimaries':
      return judgeSeveral(observation, backup, severalPrimariesText(location));
  }
}

function judgeProblem(observation: Observation, backup: PgBackup, podInspection: PodInspection): Transition {
  if (podInspection.answer.ok) return { kind: 'retry', reason: 'NotInspected', message: 'the pod was not inspected' };
  const { problem } = podInspection.answer;
  if (problem.kind === 'forbidden')
    return end(observation, backup, {
      kind: 'NoPodAccess',
      text: forbiddenText(problem.message, observation.namespace),
    });
  return waitForPod(observation, backup, { pod: podInspection.container.pod, state: problem.message });
}

/** Somebody holds the lock of the data directory: wait for a rotation, give way to a backup, stop an orphan. */
function judgeHolder(observation: Observation, backup: PgBackup, inspection: Inspection): Transition {
  const { holder } = inspection;
  const { now } = observation;
  if (holder === 'unknown' || holder === undefined) {
    const since = waitingSince(backup, 'PodNotReady', now);
    if (now - since >= podPatience) {
      return end(observation, backup, {
        kind: 'NoPodAccess',
        text: `a process that aidboxops did not start has held the lock of the data directory since ${rfc3339(since)}. Nothing was started. Stop it, then run a new backup.`,
      });
    }
    return pend(observation, backup, {
      reason: 'PodNotReady',
      message: 'waiting: a process that aidboxops did not start holds the lock of the data directory',
    });
  }
  if (holder.kind === 'rotation') return waitForRotation(observation, backup);
  if (holder.id === backup.metadata.uid)
    return { kind: 'wait', reason: 'OwnRunAlive', message: 'an earlier start of this run is alive' };
  const live = observation.open.find((other) => other.metadata.uid === holder.id && !isFinished(other));
  // wal-g has ended, and the lock is free a second later.
  if (live !== undefined && isWaitingForArchive(live))
    return { kind: 'wait', reason: 'LockHeld', message: `the run of ${live.metadata.name} has just ended` };
  if (live !== undefined) return end(observation, backup, alreadyRunning(observation, live));
  return waitForOrphan(observation, backup, holder.id);
}

/** What `stop` may not or cannot end would hold this one up until the deadline of that run, or for ever. */
function waitForOrphan(observation: Observation, backup: PgBackup, id: string): Transition {
  const since = waitingSince(backup, 'PodNotReady', observation.now);
  const before = orphanStop(observation);
  if (observation.now - since >= podPatience) {
    const text = `run ${id}, whose PgBackup is finished or gone, has held the lock of the data directory since ${rfc3339(since)} and could not be stopped. Nothing was started. Stop it, then run a new backup.`;
    return { ...end(observation, backup, { kind: 'NoPodAccess', text }), before };
  }
  const message = `waiting: a run whose PgBackup is finished or gone is being stopped (${id})`;
  const waiting = pend(observation, backup, { reason: 'PodNotReady', message });
  const reason = 'OrphanStopped';
  return waiting.kind === 'write' ? { ...waiting, before, reason } : { ...waiting, commands: before, reason };
}

/** Stops each holder of a lock that is a backup without an unfinished PgBackup; empty when there is none. */
export function orphanStop(observation: Observation): Command[] {
  const { asked, podInspection } = observation;
  const inspections = asked ?? (podInspection === undefined ? [] : [podInspection]);
  return inspections.flatMap((inspection) => stopOrphanIn(observation, inspection));
}

/** After a failover the run of a deleted PgBackup is in the pod that was the primary. */
function stopOrphanIn(observation: Observation, { answer, container }: PodInspection): Command[] {
  const { managers, namespace, open } = observation;
  const holder = answer.ok ? answer.value.holder : undefined;
  if (holder === undefined || holder === 'unknown' || holder.kind === 'rotation') return [];
  if (open.some((backup) => backup.metadata.uid === holder.id && !isFinished(backup))) return [];
  const { directory } = settingsFor(managers);
  return [{ type: 'stop', pod: podRef(namespace, container.pod), kind: 'backup', id: holder.id, directory }];
}

/** The lock is of one pod: after a failover a rotation may still be deleting from another one, in the same storage. */
function judgeFree(
  observation: Observation,
  backup: PgBackup,
  at: { container: DatabaseContainer; inspection: Inspection },
): Transition {
  const elsewhere = observation.managers.some(({ status }) => {
    const pod = status.conditions.rotation?.running?.executor.pod;
    return pod !== undefined && pod !== at.container.pod;
  });
  if (elsewhere) return waitForRotation(observation, backup);
  // Not a second time within this activation: the timer brings the next attempt.
  if (backup.status.message === noConnection && !observation.firstRound)
    return { kind: 'wait', reason: 'NoConnection', message: noConnection };
  return launch(observation, backup, at);
}

function waitForRotation(observation: Observation, backup: PgBackup): Transition {
  const since = waitingSince(backup, 'WaitingForRotation', observation.now);
  if (observation.now - since >= rotationPatience) {
    return end(observation, backup, {
      kind: 'NoPodAccess',
      text: `a rotation has held the lock of the data directory since ${rfc3339(since)}. Nothing was started.`,
    });
  }
  return pend(observation, backup, { reason: 'WaitingForRotation', message: 'waiting for rotation' });
}

/** The failure of a PgBackup that came while `live` was running. */
export function alreadyRunning(observation: Observation, live: PgBackup): BackupFailure {
  const since = live.status.startTime ?? live.status.pendingSince ?? live.metadata.creationTimestamp;
  const clock = since.slice(0, 10) === rfc3339(observation.now).slice(0, 10) ? since.slice(11) : since;
  return {
    kind: 'AlreadyRunning',
    text: `PgBackup ${live.metadata.name} has been backing up StatefulSet ${observation.statefulSet} since ${clock}. Nothing was started. Wait for it, or delete it to stop it.`,
  };
}

/** Observe timer (of all, in the first round) → running, with everything pinned → start. */
function launch(
  observation: Observation,
  backup: PgBackup,
  at: { container: DatabaseContainer; inspection: Inspection },
): Transition {
  const { container, inspection } = at;
  const { directory, timeoutSeconds } = settingsFor(observation.managers);
  const executor = pinExecutor(at, { directory, timeoutSeconds });
  const { name, uid } = backup.metadata;
  const message = oneLine(`starting wal-g in ${container.pod}${withoutCluster(observation)}`);
  return {
    kind: 'write',
    before: [
      ...(ensuresTimers(observation) ? [] : [backupTimer(backup)]),
      ...(backup.status.message === noConnection ? [pruneRun(observation, backup, at.container.pod)] : []),
    ],
    status: defined({
      state: 'running' as const,
      message,
      // Starts that are lost one after the other have ten minutes, not ten minutes each.
      pendingSince: isTriedAgain(backup) ? backup.status.pendingSince : undefined,
      announced: backup.status.announced,
      executor,
    }),
    after: [
      {
        type: 'start',
        pod: podRef(observation.namespace, container.pod),
        request: {
          id: uid,
          kind: 'backup',
          dir: directory,
          identity: inspection.identity,
          notAfter: startNotAfter(inspection.podTime),
          timeoutSeconds,
          name,
          userData: userDataOf(observation, backup),
        },
      },
    ],
    reason: 'Starting',
    message,
  };
}

/** Format 2. Without the UID of the Namespace the backup is still worth having; only its owner is known less well. */
function userDataOf({ namespaceIdentity, statefulSet }: Observation, { metadata }: PgBackup): string {
  const { name, namespace, uid } = metadata;
  const cluster = namespaceIdentity?.known === true ? namespaceIdentity.uid : undefined;
  return JSON.stringify({ aidboxops: defined({ uid, name, namespace, statefulSet, cluster }) });
}

function withoutCluster({ namespaceIdentity }: Observation): string {
  if (namespaceIdentity === undefined || namespaceIdentity.known) return '';
  return `; the stored backup will not say of which cluster it is: ${namespaceIdentity.why}`;
}

/** Its start never reached the pod: back into the queue, where it is the first because it is the oldest still. */
export function relaunch(
  observation: Observation,
  backup: PgBackup,
  why: { readonly message: string; readonly tooLong: string } = { message: startLost, tooLong: neverStarted(backup) },
): Extract<Transition, { kind: 'write' }> {
  const { now } = observation;
  const since = parseTime(backup.status.pendingSince) ?? now;
  if (now - since >= podPatience) {
    return end(observation, backup, { kind: 'NoPodAccess', text: why.tooLong });
  }
  const status = defined({
    state: 'pending' as const,
    reason: 'PodNotReady',
    message: why.message,
    pendingSince: rfc3339(since),
    announced: backup.status.announced,
  });
  return {
    kind: 'write',
    status,
    reason: why.message === startLost ? 'StartLost' : 'NoConnection',
    message: why.message,
  };
}

function neverStarted({ status }: PgBackup): string {
  return `wal-g could not be started in ${status.executor?.pod}: no start took effect within ${podPatience / 60} min. The log of the backup function says what the pod answered. Run a new backup when it can be reached.`;
}

/** It was begun before, and waited since: all attempts have ten minutes together. */
function isTriedAgain({ status }: PgBackup): boolean {
  return status.message === startLost || status.message === noConnection || status.announced === 'started';
}

/** Removes what a run left that did nothing, because one id never runs twice. */
function pruneRun({ managers, namespace }: Observation, { metadata }: PgBackup, pod: string): Command {
  const { directory } = settingsFor(managers);
  const runs = [{ id: metadata.uid, name: metadata.name }];
  return { type: 'prune', pod: podRef(namespace, pod), directory, runs };
}

/** In the first round, unless one of them has just shown that it works. */
export function ensuresTimers({ firstRound, ticked }: Observation): boolean {
  return firstRound && !ticked;
}

/** `text` says what each pod is. */
function waitForPrimary(observation: Observation, backup: PgBackup, text: string): Transition {
  const until = waitingSince(backup, 'PodNotReady', observation.now) + podPatience;
  if (observation.now >= until) {
    const problem = `${text}. There was none for ${podPatience / 60} min; nothing was started. Run a new backup when there is one.`;
    return end(observation, backup, { kind: 'NoPodAccess', text: problem });
  }
  return pend(observation, backup, {
    reason: 'PodNotReady',
    message: `${oneLine(text)}; waiting until ${clockTime(until)}`,
  });
}

/** A switchover is over within a minute. After that somebody has to stop one of them, and is warned. */
function judgeSeveral(observation: Observation, backup: PgBackup, text: string): Transition {
  const { now } = observation;
  const { reason, unprovenSince } = backup.status;
  const until = waitingSince(backup, 'SeveralPrimaries', now) + podPatience;
  const advice = `${text}. Nothing was started. Stop one of them.`;
  if (now >= until) return end(observation, backup, { kind: 'NoPodAccess', text: advice });
  const since = (reason === 'SeveralPrimaries' ? parseTime(unprovenSince) : undefined) ?? now;
  const isOver = now - since >= switchoverPatience;
  const message = isOver
    ? `${oneLine(advice)} Waiting until ${clockTime(until)}.`
    : `waiting: ${oneLine(text)}, as in a switchover`;
  const waiting = pend(observation, backup, { reason: 'SeveralPrimaries', message, unprovenSince: rfc3339(since) });
  return isOver && waiting.kind === 'write' ? { ...waiting, before: warnings(observation, backup, advice) } : waiting;
}

/** One on the PgBackup and one on each of its managers; the same name makes each of them once. */
function warnings({ managers, now }: Observation, { metadata }: PgBackup, message: string): Command[] {
  const { name, namespace, uid } = metadata;
  const common = { type: 'Warning', reason: 'SeveralPrimaries', time: now, reporter: 'backup' } as const;
  const transition = 'several-primaries';
  const own = { ...common, object: { kind: 'PgBackup', name, namespace, uid }, transition, message } as const;
  const others = managers.map((manager) => ({
    ...common,
    object: { kind: 'PgManager', name: manager.metadata.name, namespace, uid: manager.metadata.uid } as const,
    transition: `${uid}-${transition}`,
    message: `${name}: ${message}`,
  }));
  return [own, ...others].map((event): Command => ({ type: 'recordEvent', event: buildKubernetesEvent(event) }));
}

function waitForPod(observation: Observation, backup: PgBackup, pod: { pod: string; state: string }): Transition {
  const since = waitingSince(backup, 'PodNotReady', observation.now);
  const until = since + podPatience;
  if (observation.now >= until) {
    return end(observation, backup, {
      kind: 'NoPodAccess',
      text: `pod ${pod.pod} was not ready within ${podPatience / 60} min (${oneLine(pod.state)}). Run a new backup when it is.`,
    });
  }
  return pend(observation, backup, {
    reason: 'PodNotReady',
    message: waitingMessage(pod.pod, oneLine(pod.state), until),
  });
}

/** Waits for a usable pod, whatever is the matter with it: all of them have ten minutes together. */
const podWaits: readonly string[] = ['PodNotReady', 'SeveralPrimaries'];

function waitingSince(backup: PgBackup, reason: WaitReason, now: UnixSeconds): UnixSeconds {
  const { reason: stored = '' } = backup.status;
  const goesOn = stored === reason || (podWaits.includes(stored) && podWaits.includes(reason));
  return (goesOn ? parseTime(backup.status.pendingSince) : undefined) ?? now;
}

function pend(
  observation: Observation,
  backup: PgBackup,
  why: { reason: WaitReason; message: string; unprovenSince?: string },
): Extract<Transition, { kind: 'write' | 'wait' | 'retry' }> {
  const { reason, message } = why;
  const status = defined({
    state: 'pending' as const,
    ...why,
    pendingSince: rfc3339(waitingSince(backup, why.reason, observation.now)),
    announced: backup.status.announced,
  });
  const same =
    backup.status.state === 'pending' && backup.status.reason === why.reason && backup.status.message === why.message;
  return same ? { kind: 'wait', reason, message } : { kind: 'write', status, reason, message };
}

/** The younger ones wait with the oldest, for the same reason. */
export function pendBehind(observation: Observation, backup: PgBackup, first: PgBackup): Transition {
  const reason = (first.status.reason as WaitReason | undefined) ?? 'PodNotReady';
  return pend(observation, backup, { reason, message: `waiting for PgBackup ${first.metadata.name}, which is older` });
}

/** Ends a PgBackup that was never started. */
export function end(
  observation: Observation,
  backup: PgBackup,
  problem: BackupFailure,
): Extract<Transition, { kind: 'write' }> {
  const reason: FailureKind = problem.kind;
  return {
    kind: 'write',
    status: failed(backup, problem, observation.now),
    reason,
    message: oneLine(failureText(problem)),
  };
}
