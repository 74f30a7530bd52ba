/** Decides about the running PgBackup: is it alive, did it end, can it be proved? No side effects. */
import { isLaunching } from '../domain/resources/backup-state.ts';
import { prove, type Proof } from '../domain/catalogue/proof.ts';
import { podRef } from '../domain/commands/run-commands.ts';
import type { Command } from '../domain/commands/command.ts';
import { defined } from '../domain/defined.ts';
import { failureText, type BackupFailure } from '../domain/failure-kinds.ts';
import { overdueOf, startMayStillArrive } from '../domain/run/launch.ts';
import type { Executor } from '../domain/resources/executor.ts';
import { actingManager } from '../domain/resources/manager-state.ts';
import type { PgBackup } from '../domain/resources/pg-backup.ts';
import type { Identity, Inspection, RunReport } from '../domain/run/protocol.ts';
import { errorLines, fullLog, lastLine } from '../domain/run/log-excerpt.ts';
import { oneLine } from '../domain/text.ts';
import { parseTime, rfc3339, span, type UnixSeconds } from '../domain/time.ts';
import { failed, runningSince, succeeded } from './outcome.ts';
import { foundNoDatabase, waitForConnections } from './no-connection.ts';
import type { Observation } from './observation.ts';
import type { Transition } from './transition.ts';
import { beginWaiting } from './archive.ts';
import { claimOf, unprovable } from './claim.ts';
import { deadlineGrace, listingGrace, proofPatience, podPatience } from '../domain/run/limits.ts';

export type RunningBackup = PgBackup & { status: { executor: Executor } };

/** What the pod said of a running PgBackup, in one place. */
interface RunObservation {
  readonly observation: Observation;
  readonly backup: RunningBackup;
  readonly inspection: Inspection;
  readonly run: RunReport;
  /** Container or postmaster is another one than the run was started in. */
  readonly changed: string | undefined;
}

/** True when the decision depends on the catalogue, so that `gather` reads it. */
export function needsCatalogue(backup: PgBackup, inspection: Inspection): boolean {
  const { run } = inspection;
  const { executor } = backup.status;
  if (run === undefined || executor === undefined) return false;
  if (run.state === 'exited') return true;
  const changed = identityChange(executor, inspection.identity) !== undefined;
  if (run.state === 'died') return changed;
  return run.state === 'none' && (changed || !startMayStillArrive(executor, inspection.podTime));
}

/** Whether another container or postmaster answers than the run was started in. */
export function isRestarted({ status }: PgBackup, { identity }: Inspection): boolean {
  return status.executor !== undefined && identityChange(status.executor, identity) !== undefined;
}

export function judgeRunning(observation: Observation, backup: PgBackup): Transition {
  const { executor } = backup.status;
  const { podInspection } = observation;
  if (executor === undefined || podInspection === undefined) {
    return { kind: 'retry', reason: 'NotInspected', message: 'the pod was not inspected' };
  }
  const running: RunningBackup = { ...backup, status: { ...backup.status, executor } };
  if (!podInspection.answer.ok) return judgeUnreachable(observation, running, podInspection.answer.problem.message);
  const inspection = podInspection.answer.value;
  const { run } = inspection;
  if (run === undefined) {
    return judgeUnreachable(observation, running, inspection.obstacle?.detail ?? 'the run could not be inspected');
  }
  const changed = identityChange(executor, inspection.identity);
  return judgeByState[run.state]({ observation, backup: running, inspection, run, changed });
}

const judgeByState: Readonly<Record<RunReport['state'], (observed: RunObservation) => Transition>> = {
  starting: judgeAlive,
  running: judgeAlive,
  exited: (observed) =>
    observed.run.exitCode === 0 ? judgeProof(observed, absentAfterExit(observed)) : judgeFailedExit(observed),
  died: (observed) =>
    observed.changed === undefined
      ? ended(observed, { kind: 'WalgError', text: died(observed) })
      : judgeProof(observed, restarted(observed)),
  none: judgeMissing,
};

/** The pod does not answer: it may be restarting. It has ten minutes, then the database was lost under the backup. */
function judgeUnreachable(observation: Observation, backup: RunningBackup, why: string): Transition {
  const { now } = observation;
  const proving = provingSince(backup);
  if (proving !== undefined && now - proving >= proofPatience)
    return writeFailure(observation, backup, unprovable(why));
  const since = parseTime(backup.status.unprovenSince) ?? now;
  if (proving === undefined && now >= unreachableUntil(observation, backup, since)) {
    const text = `pod ${backup.status.executor.pod} could not be reached for ${span(now - since)} during the backup (${why}); nothing counts as stored. ${whatNext(observation)}`;
    return writeFailure(observation, backup, { kind: 'InitializationError', text });
  }
  if (backup.status.unprovenSince !== undefined)
    return { kind: 'wait', reason: 'PodUnreachable', message: oneLine(why) };
  return {
    kind: 'write',
    status: {
      ...backup.status,
      unprovenSince: rfc3339(now),
      message: oneLine(`pod ${backup.status.executor.pod} does not answer: ${why}`),
    },
    reason: 'PodUnreachable',
    message: oneLine(why),
  };
}

/** A pod that is gone has ten minutes to come back; in one that is only silent wal-g may go on until its deadline. */
function unreachableUntil(observation: Observation, backup: RunningBackup, since: UnixSeconds): UnixSeconds {
  const { podInspection } = observation;
  if (podInspection?.answer.ok === false && podInspection.answer.problem.kind === 'not-found')
    return since + podPatience;
  const { deadline, timeoutSeconds } = backup.status.executor;
  // The deadline is by the pod's clock, which may be far ahead of this one.
  const atLatest = since + timeoutSeconds;
  return Math.max(since, Math.min(parseTime(deadline) ?? atLatest, atLatest)) + proofPatience;
}

function judgeAlive(observed: RunObservation): Transition {
  const { backup, changed, inspection, run } = observed;
  if (changed !== undefined)
    return { ...ended(observed, restarted(observed)), before: [stopCommand(observed)] } as Transition;
  const { executor, unprovenSince } = backup.status;
  // Seen for the first time, or again: silence that is over must not count towards what comes later.
  if (unprovenSince !== undefined || (isLaunching(backup) && run.startedAt !== undefined)) return recordAlive(observed);
  const overdue = overdueOf(executor, run, inspection.podTime);
  if (overdue > proofPatience) {
    return ended(observed, {
      kind: 'WalgError',
      text: `wal-g could not be ended after its deadline of ${span(executor.timeoutSeconds)}; it still holds the lock of the data directory.`,
    });
  }
  const commands = overdue > deadlineGrace ? [stopCommand(observed)] : [];
  return { kind: 'wait', commands, reason: 'Running', message: `wal-g is running in ${executor.pod}` };
}

function recordAlive({ backup, run }: RunObservation): Transition {
  const { executor } = backup.status;
  const startTime = run.startedAt === undefined ? backup.status.startTime : rfc3339(run.startedAt);
  const message =
    startTime === undefined ? `wal-g is running in ${executor.pod}` : runningSince(executor.pod, startTime);
  // A run that finds no database goes back to waiting, and waits ten minutes in all.
  const pendingSince = isLaunching(backup) ? backup.status.pendingSince : undefined;
  const cleared = { reason: undefined, pendingSince, unprovenSince: undefined };
  return {
    kind: 'write',
    status: defined({ ...backup.status, ...cleared, startTime, message }),
    reason: isLaunching(backup) ? 'Started' : 'PodBack',
    message,
  };
}

/** No files and no process: not launched yet, never launched, or lost with the container. */
function judgeMissing(observed: RunObservation): Transition {
  const { backup, changed, inspection } = observed;
  if (changed !== undefined) return judgeProof(observed, restarted(observed));
  const { executor } = backup.status;
  if (startMayStillArrive(executor, inspection.podTime)) {
    return {
      kind: 'wait',
      reason: 'StartMayArrive',
      message: `start was sent to ${executor.pod} and may still arrive`,
    };
  }
  if (!isLaunching(backup)) {
    const text = `the files of the run in ${executor.directory}/.run are gone and no stored backup carries its UID. Nothing counts as stored. ${whatNext(observed.observation)}`;
    return judgeProof(observed, { kind: 'WalgError', text });
  }
  const proof = proofOf(observed);
  if (proof === undefined) return noTime;
  return proof.verdict === 'absent'
    ? { kind: 'startLost' }
    : judgeProof(observed, { kind: 'WalgError', text: died(observed) });
}

/** wal-g says that it failed. The catalogue can only make the message better, so it is not waited for. */
function judgeFailedExit(observed: RunObservation): Transition {
  const { backup, run } = observed;
  if (foundNoDatabase(run)) return waitForConnections(observed.observation, backup, backup.status.executor);
  if (observed.changed !== undefined) return ended(observed, restarted(observed));
  if (databaseIsStopping(observed)) {
    const message = `wal-g has ended with exit code ${run.exitCode} while PostgreSQL in ${backup.status.executor.pod} is shutting down`;
    return { kind: 'wait', reason: 'DatabaseStopping', message };
  }
  const proof = proofOf(observed);
  const listed =
    proof !== undefined && 'entry' in proof
      ? `${proof.entry.name} is listed but was not finished as it should be: do not rely on it.`
      : 'Nothing counts as stored.';
  const { executor } = backup.status;
  if (run.deadlineHit) {
    const text = `stopped after ${span(executor.timeoutSeconds)} (spec.backup.timeoutSeconds) at "${lastLine(run)}". ${listed} ${logOf(backup)}`;
    return ended(observed, { kind: 'WalgError', text });
  }
  const text = `wal-g ended with exit code ${run.exitCode}: "${errorLines(run)}". ${listed} ${logOf(backup)}`;
  return ended(observed, { kind: 'WalgError', text });
}

/** A shutdown ends wal-g's session before it ends the postmaster: whose end it was shows when the postmaster is gone. */
function databaseIsStopping({ inspection, run }: RunObservation): boolean {
  return inspection.stopping && run.endedAt !== undefined && inspection.podTime - run.endedAt < podPatience;
}

const noTime: Transition = {
  kind: 'retry',
  reason: 'NoTimeForCatalogue',
  message: 'out of time; the catalogue is read in the next activation',
};

/** Success only with proof; `otherwise` is what it was when the catalogue has nothing of this run. */
function judgeProof(observed: RunObservation, otherwise: BackupFailure): Transition {
  const proof = proofOf(observed);
  if (proof === undefined) return noTime;
  switch (proof.verdict) {
    case 'proved':
      return judgeProved(observed, proof);
    case 'absent':
      return judgeAbsent(observed, otherwise);
    case 'walMissing':
      return waitForArchive(observed, proof);
    case 'notWhole':
      return judgeNotWhole(observed, proof);
    case 'foreign':
      return ended(observed, { kind: 'WalgError', text: foreign(proof) });
    case 'unknown':
      return judgeUnknown(observed, proof.why);
  }
}

function judgeProved(observed: RunObservation, { entry }: Extract<Proof, { verdict: 'proved' }>): Transition {
  const { catalogue } = observed.observation;
  const answer = catalogue?.ok === true ? catalogue.value : undefined;
  const status = succeeded(observed.backup, { entry, answer }, observed.run);
  return { kind: 'write', status, reason: 'Proved', message: `${entry.name} is stored and restorable` };
}

function judgeAbsent(observed: RunObservation, otherwise: BackupFailure): Transition {
  const mayStillCome = observed.run.exitCode === 0 && secondsSinceEnd(observed) < listingGrace;
  return mayStillCome ? waitForProof(observed, 'not listed yet') : ended(observed, otherwise);
}

/** A storage may show an object a little later than it got it. */
function judgeNotWhole(observed: RunObservation, { text }: Extract<Proof, { verdict: 'notWhole' }>): Transition {
  return secondsSinceEnd(observed) < listingGrace
    ? waitForProof(observed, text)
    : ended(observed, { kind: 'WalgError', text });
}

/** Pushing again would archive no WAL: the backup waits beside the others. */
function waitForArchive(observed: RunObservation, proof: Extract<Proof, { verdict: 'walMissing' }>): Transition {
  const { catalogue } = observed.observation;
  return catalogue?.ok === true ? beginWaiting(observed, proof, catalogue.value) : noTime;
}

/** Returns the seconds since the end of wal-g by the pod's clock, or, when that is unknown, since the first inspection without proof. */
function secondsSinceEnd({ backup, inspection, observation, run }: RunObservation): number {
  if (run.endedAt !== undefined) return inspection.podTime - run.endedAt;
  return observation.now - (provingSince(backup) ?? observation.now);
}

/** Since when wal-g is known to have ended without a proof. `unprovenSince` alone may be that of a silent pod. */
export function provingSince({ status }: PgBackup): UnixSeconds | undefined {
  return status.reason === 'ProofUnknown' ? parseTime(status.unprovenSince) : undefined;
}

/** Storage that cannot be read proves nothing, neither success nor failure: for at most an hour it is asked again. */
function judgeUnknown(observed: RunObservation, why: string): Transition {
  const { now } = observed.observation;
  const since = provingSince(observed.backup) ?? now;
  return now - since < proofPatience ? waitForProof(observed, why) : ended(observed, unprovable(why));
}

function waitForProof(observed: RunObservation, why: string): Transition {
  const { backup, observation } = observed;
  const message = oneLine(`wal-g has ended; proof is awaited: ${why}`);
  if (provingSince(backup) !== undefined) return { kind: 'wait', reason: 'ProofUnknown', message };
  const startedAt = observed.run.startedAt;
  const status = defined({
    ...backup.status,
    reason: 'ProofUnknown',
    message,
    unprovenSince: rfc3339(observation.now),
    startTime: startedAt === undefined ? backup.status.startTime : rfc3339(startedAt),
  });
  return { kind: 'write', status, reason: 'ProofUnknown', message };
}

function proofOf({ backup, observation }: RunObservation): Proof | undefined {
  const { catalogue } = observation;
  if (catalogue === undefined) return undefined;
  if (!catalogue.ok) return { verdict: 'unknown', why: catalogue.problem.message };
  return prove(catalogue.value, claimOf(backup));
}

/** What of the identity is different now, in words; undefined when nothing is. */
function identityChange(executor: Executor, identity: Identity): string | undefined {
  const sameContainer =
    executor.host === identity.host && executor.ticks === identity.ticks && executor.boot === identity.boot;
  if (!sameContainer) return 'the container was started anew';
  if (executor.postmaster === identity.postmaster) return undefined;
  const start = (text: string): string => (/^\d{1,12}$/.test(text) ? rfc3339(Number(text)) : 'not running');
  return `postmaster start ${start(executor.postmaster)} → ${start(identity.postmaster)}`;
}

function ended(observed: RunObservation, problem: BackupFailure): Transition {
  const { backup, inspection, run } = observed;
  return {
    kind: 'write',
    status: failed(backup, problem, inspection.podTime, run),
    reason: problem.kind,
    message: oneLine(failureText(problem)),
  };
}

export function writeFailure(observation: Observation, backup: PgBackup, problem: BackupFailure): Transition {
  return {
    kind: 'write',
    status: failed(backup, problem, observation.now),
    reason: problem.kind,
    message: oneLine(failureText(problem)),
  };
}

function stopCommand({ backup, observation }: RunObservation): Command {
  const { executor } = backup.status;
  return {
    type: 'stop',
    pod: podRef(observation.namespace, executor.pod),
    kind: 'backup',
    id: backup.metadata.uid,
    directory: executor.directory,
  };
}

function restarted(observed: RunObservation): BackupFailure {
  const { backup, changed, observation } = observed;
  const { ending } = observation;
  if (ending !== undefined) {
    const text = `${ending}. Nothing counts as stored. ${whatNext(observation)}`;
    return { kind: 'InitializationError', text };
  }
  const text = `PostgreSQL in ${backup.status.executor.pod} restarted during the backup (${changed}). wal-g was stopped; nothing counts as stored. ${whatNext(observed.observation)}`;
  return { kind: 'InitializationError', text };
}

function absentAfterExit({ backup }: RunObservation): BackupFailure {
  return {
    kind: 'WalgError',
    text: `wal-g ended with exit code 0 but no stored backup carries this run's UID. Nothing counts as stored. ${logOf(backup)}`,
  };
}

function died(observed: RunObservation): string {
  return `wal-g is gone without an exit code (killed?) at "${lastLine(observed.run)}". Nothing counts as stored. ${logOf(observed.backup)}`;
}

function foreign({ entry }: Extract<Proof, { verdict: 'foreign' }>): string {
  return `${entry.name} carries this run's UID but is of another database (system identifier ${entry.systemIdentifier ?? 'unknown'}). It counts for nothing.`;
}

export function whatNext({ managers, namespace, statefulSet }: Observation): string {
  const next = actingManager(managers)?.status.schedule?.nextSlot;
  const now = `(docs/how-to/back-up-now.md): ${backupNowCommand(namespace, statefulSet)}`;
  return next === undefined ? `Run a new one now ${now}` : `Next run ${next}; to run one now ${now}`;
}

/** Returns a shell command that creates a PgBackup; it needs no file and ends the message that prints it. */
export function backupNowCommand(namespace: string, statefulSet: string): string {
  const backup = {
    apiVersion: 'aidbox.pg/v01',
    kind: 'PgBackup',
    metadata: { generateName: 'manual-' },
    spec: { selector: { name: statefulSet } },
  };
  return `echo '${JSON.stringify(backup)}' | kubectl create -n ${namespace} -f -`;
}

function logOf({ metadata, status }: RunningBackup): string {
  const { pod, directory } = status.executor;
  return fullLog({ namespace: metadata.namespace, pod, file: `${directory}/${metadata.name}.log` });
}
