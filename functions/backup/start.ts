/** Decides about the PgBackup that is next in turn: start it, let it wait, or end it at once. No side effects. */
import { isFinished } from '../domain/resources/backup-state.ts';
import type { Command } from '../domain/commands/command.ts';
import { defined } from '../domain/defined.ts';
import { failureText, type FailureKind, type BackupFailure, type WaitReason } from '../domain/failure-kinds.ts';
import { pinExecutor, startNotAfter } from '../domain/run/launch.ts';
import { waitingMessage, type DatabaseContainer } from '../domain/run/location.ts';
import { databaseDown, forbiddenText, obstacleFailure } from '../domain/run/obstacles.ts';
import type { PgBackup } from '../domain/resources/pg-backup.ts';
import { podRef } from '../domain/commands/run-commands.ts';
import { backupTimer } from '../domain/commands/run-timers.ts';
import type { Inspection } from '../domain/run/protocol.ts';
import { oneLine } from '../domain/text.ts';
import { parseTime, rfc3339, type UnixSeconds } from '../domain/time.ts';
import { failed } from './outcome.ts';
import type { PodInspection } from '../domain/run/observed-run.ts';
import { settingsFor, type Observation } from './observation.ts';
import { type Transition } from './transition.ts';
import { podPatience, rotationPatience } from '../domain/run/limits.ts';

/** Marks a PgBackup whose last start was lost. */
const startLost = 'the start did not reach the pod; it is tried again';

export function judgeStart(observation: Observation, backup: PgBackup): Transition {
  const { location, podInspection } = observation;
  if (location === undefined) return { kind: 'retry', reason: 'NotInspected', message: 'the pod was not read' };
  if (location.found === 'never') return end(observation, backup, location.problem);
  if (location.found === 'notReady')
    return waitForPod(observation, backup, { pod: location.pod, state: location.state });
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

/** Stops the holder of the lock when it is a backup without an unfinished PgBackup; empty when there is none. */
export function orphanStop(observation: Observation): Command[] {
  const { podInspection, open } = observation;
  if (podInspection?.answer.ok !== true) return [];
  const { holder } = podInspection.answer.value;
  if (holder === undefined || holder === 'unknown' || holder.kind === 'rotation') return [];
  if (open.some((backup) => backup.metadata.uid === holder.id && !isFinished(backup))) return [];
  return [
    {
      type: 'stop',
      pod: podRef(observation.namespace, podInspection.container.pod),
      kind: 'backup',
      id: holder.id,
      directory: settingsFor(observation.managers).directory,
    },
  ];
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
  return elsewhere ? waitForRotation(observation, backup) : launch(observation, backup, at);
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
    before: ensuresTimers(observation) ? [] : [backupTimer(backup)],
    status: defined({
      state: 'running' as const,
      message,
      // Starts that are lost one after the other have ten minutes, not ten minutes each.
      pendingSince: backup.status.message === startLost ? backup.status.pendingSince : undefined,
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
export function relaunch(observation: Observation, backup: PgBackup): Extract<Transition, { kind: 'write' }> {
  const { now } = observation;
  const since = parseTime(backup.status.pendingSince) ?? now;
  if (now - since >= podPatience) {
    const text = `wal-g could not be started in ${backup.status.executor?.pod}: no start took effect within ${podPatience / 60} min. The log of the backup function says what the pod answered. Run a new backup when it can be reached.`;
    return end(observation, backup, { kind: 'NoPodAccess', text });
  }
  const status = defined({
    state: 'pending' as const,
    reason: 'PodNotReady',
    message: startLost,
    pendingSince: rfc3339(since),
    announced: backup.status.announced,
  });
  return { kind: 'write', status, reason: 'StartLost', message: startLost };
}

/** In the first round, unless one of them has just shown that it works. */
export function ensuresTimers({ firstRound, ticked }: Observation): boolean {
  return firstRound && !ticked;
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

function waitingSince(backup: PgBackup, reason: WaitReason, now: UnixSeconds): UnixSeconds {
  if (backup.status.reason !== reason) return now;
  return parseTime(backup.status.pendingSince) ?? now;
}

function pend(
  observation: Observation,
  backup: PgBackup,
  why: { reason: WaitReason; message: string },
): Extract<Transition, { kind: 'write' | 'wait' | 'retry' }> {
  const status = defined({
    state: 'pending' as const,
    ...why,
    pendingSince: rfc3339(waitingSince(backup, why.reason, observation.now)),
    announced: backup.status.announced,
  });
  const same =
    backup.status.state === 'pending' && backup.status.reason === why.reason && backup.status.message === why.message;
  return same ? { kind: 'wait', ...why } : { kind: 'write', status, ...why };
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
