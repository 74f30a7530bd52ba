/** A look at the PgBackup that is running: is it still alive, did it end, can it be proved? No side effects. */
import { isLaunching } from '../domain/resources/backup-state.ts';
import { prove, type Claim, type Proof } from '../domain/run/catalogue.ts';
import type { Command } from '../domain/commands/command.ts';
import { defined } from '../domain/defined.ts';
import { problemMessage, type Problem } from '../domain/failure-kinds.ts';
import { startMayStillArrive } from '../domain/run/launch.ts';
import type { Executor } from '../domain/resources/executor.ts';
import { oldestManager } from '../domain/resources/manager-state.ts';
import { containerName } from '../domain/resources/names.ts';
import type { PgBackup } from '../domain/resources/pg-backup.ts';
import type { Identity, Inspection, RunReport } from '../domain/run/protocol.ts';
import { errorLines, fullLog, lastLine } from '../domain/run/log-excerpt.ts';
import { oneLine } from '../domain/text.ts';
import { parseTime, rfc3339, span, type UnixSeconds } from '../domain/time.ts';
import { failed, runningSince, succeeded } from './outcome.ts';
import type { Observation } from './observation.ts';
import type { Step } from './transition.ts';

/** How long the WAL of a finished backup may take to be stored (seconds). */
const archivingGrace = 120;
/** How long proof is waited for while storage or pod cannot be read (seconds). */
const proofPatience = 3600;
/** How long a pod that went away may take to come back (seconds). */
const podPatience = 600;
/** After the pod-side deadline: 60 s until KILL, and as much again before we stop it ourselves (seconds). */
const deadlineGrace = 120;

type RunningBackup = PgBackup & { status: { executor: Executor } };

/** What the pod said of a running PgBackup, in one place. */
interface Sight {
  readonly observation: Observation;
  readonly backup: RunningBackup;
  readonly inspection: Inspection;
  readonly run: RunReport;
  /** Container or postmaster is another one than the run was started in. */
  readonly changed: string | undefined;
}

/** True when the outcome of this look hangs on the catalogue: gather reads it then. */
export function needsCatalogue(backup: PgBackup, inspection: Inspection): boolean {
  const { run } = inspection;
  const { executor } = backup.status;
  if (run === undefined || executor === undefined) return false;
  if (run.state === 'exited') return true;
  const changed = identityChange(executor, inspection.identity) !== undefined;
  if (run.state === 'died') return changed;
  return run.state === 'none' && (changed || !startMayStillArrive(executor, inspection.podTime));
}

export function judgeRunning(observation: Observation, backup: PgBackup): Step {
  const { executor } = backup.status;
  const { look } = observation;
  if (executor === undefined || look === undefined) {
    return { kind: 'retry', reason: 'NotLooked', message: 'the pod was not inspected' };
  }
  const running: RunningBackup = { ...backup, status: { ...backup.status, executor } };
  if (!look.answer.ok) return judgeUnreachable(observation, running, look.answer.problem.message);
  const inspection = look.answer.value;
  const { run } = inspection;
  if (run === undefined) {
    return judgeUnreachable(observation, running, inspection.obstacle?.detail ?? 'the run could not be inspected');
  }
  const changed = identityChange(executor, inspection.identity);
  return judgeByState[run.state]({ observation, backup: running, inspection, run, changed });
}

const judgeByState: Readonly<Record<RunReport['state'], (sight: Sight) => Step>> = {
  starting: judgeAlive,
  running: judgeAlive,
  exited: (sight) => (sight.run.exitCode === 0 ? judgeProof(sight, absentAfterExit(sight)) : judgeFailedExit(sight)),
  died: (sight) =>
    sight.changed === undefined
      ? ended(sight, { kind: 'WalgError', text: died(sight) })
      : judgeProof(sight, restarted(sight)),
  none: judgeTraceless,
};

/** The pod does not answer: it may be restarting. It has ten minutes, then the database was lost under the backup. */
function judgeUnreachable(observation: Observation, backup: RunningBackup, why: string): Step {
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
  const { look } = observation;
  if (look?.answer.ok === false && look.answer.problem.kind === 'not-found') return since + podPatience;
  const { deadline, timeoutSeconds } = backup.status.executor;
  // The deadline is by the pod's clock, which may be far ahead of this one.
  const atLatest = since + timeoutSeconds;
  return Math.max(since, Math.min(parseTime(deadline) ?? atLatest, atLatest)) + proofPatience;
}

function judgeAlive(sight: Sight): Step {
  const { backup, changed, inspection, run } = sight;
  if (changed !== undefined) return { ...ended(sight, restarted(sight)), before: [stopCommand(sight)] } as Step;
  const { executor, unprovenSince } = backup.status;
  // Seen for the first time, or again: silence that is over must not count towards what comes later.
  if (unprovenSince !== undefined || (isLaunching(backup) && run.startedAt !== undefined)) return seenAlive(sight);
  const overdue = inspection.podTime - (parseTime(executor.deadline) ?? inspection.podTime);
  if (overdue > proofPatience) {
    return ended(sight, {
      kind: 'WalgError',
      text: `wal-g could not be ended after its deadline of ${span(executor.timeoutSeconds)}; it still holds the lock of the data directory.`,
    });
  }
  const commands = overdue > deadlineGrace ? [stopCommand(sight)] : [];
  return { kind: 'wait', commands, reason: 'Running', message: `wal-g is running in ${executor.pod}` };
}

function seenAlive({ backup, run }: Sight): Step {
  const { executor } = backup.status;
  const startTime = run.startedAt === undefined ? backup.status.startTime : rfc3339(run.startedAt);
  const message =
    startTime === undefined ? `wal-g is running in ${executor.pod}` : runningSince(executor.pod, startTime);
  const cleared = { reason: undefined, pendingSince: undefined, unprovenSince: undefined };
  return {
    kind: 'write',
    status: defined({ ...backup.status, ...cleared, startTime, message }),
    reason: isLaunching(backup) ? 'Started' : 'PodBack',
    message,
  };
}

/** No files and no process: not launched yet, never launched, or lost with the container. */
function judgeTraceless(sight: Sight): Step {
  const { backup, changed, inspection } = sight;
  if (changed !== undefined) return judgeProof(sight, restarted(sight));
  const { executor } = backup.status;
  if (startMayStillArrive(executor, inspection.podTime)) {
    return {
      kind: 'wait',
      reason: 'StartMayArrive',
      message: `start was sent to ${executor.pod} and may still arrive`,
    };
  }
  if (!isLaunching(backup)) {
    const text = `the files of the run in ${executor.directory}/.run are gone and no stored backup carries its UID. Nothing counts as stored. ${whatNext(sight.observation)}`;
    return judgeProof(sight, { kind: 'WalgError', text });
  }
  const proof = proofOf(sight);
  if (proof === undefined) return noTime;
  return proof.verdict === 'absent'
    ? { kind: 'unlaunched' }
    : judgeProof(sight, { kind: 'WalgError', text: died(sight) });
}

/** wal-g says that it failed. The catalogue can only make the message better, so it is not waited for. */
function judgeFailedExit(sight: Sight): Step {
  const { backup, run } = sight;
  if (sight.changed !== undefined) return ended(sight, restarted(sight));
  if (databaseIsGoing(sight)) {
    const message = `wal-g has ended with exit code ${run.exitCode} while PostgreSQL in ${backup.status.executor.pod} is shutting down`;
    return { kind: 'wait', reason: 'DatabaseStopping', message };
  }
  const proof = proofOf(sight);
  const listed =
    proof !== undefined && 'entry' in proof
      ? `${proof.entry.name} is listed but was not finished as it should be: do not rely on it.`
      : 'Nothing counts as stored.';
  const { executor } = backup.status;
  if (run.deadlineHit) {
    const text = `stopped after ${span(executor.timeoutSeconds)} (spec.backup.timeoutSeconds) at "${lastLine(run)}". ${listed} ${logOf(backup)}`;
    return ended(sight, { kind: 'WalgError', text });
  }
  const text = `wal-g ended with exit code ${run.exitCode}: "${errorLines(run)}". ${listed} ${logOf(backup)}`;
  return ended(sight, { kind: 'WalgError', text });
}

/** A shutdown ends wal-g's session before it ends the postmaster: whose end it was shows when the postmaster is gone. */
function databaseIsGoing({ inspection, run }: Sight): boolean {
  return inspection.stopping && run.endedAt !== undefined && inspection.podTime - run.endedAt < podPatience;
}

const noTime: Step = {
  kind: 'retry',
  reason: 'NoTimeForCatalogue',
  message: 'out of time; the catalogue is read in the next activation',
};

/** Success only with proof; `otherwise` is what it was when the catalogue has nothing of this run. */
function judgeProof(sight: Sight, otherwise: Problem): Step {
  const proof = proofOf(sight);
  switch (proof?.verdict) {
    case undefined:
      return noTime;
    case 'proved': {
      const { catalogue } = sight.observation;
      const walgVersion = catalogue?.ok === true ? catalogue.value.walgVersion : undefined;
      const status = succeeded(sight.backup, { entry: proof.entry, walgVersion }, sight.run);
      return { kind: 'write', status, reason: 'Proved', message: `${proof.entry.name} is stored and restorable` };
    }
    case 'absent':
      return judgeAbsent(sight, otherwise);
    case 'walMissing':
      return judgeWalMissing(sight, proof);
    case 'foreign':
      return ended(sight, { kind: 'WalgError', text: foreign(proof) });
    case 'unknown':
      return judgeUnknown(sight, proof.why);
  }
}

function judgeAbsent(sight: Sight, otherwise: Problem): Step {
  const mayStillCome = sight.run.exitCode === 0 && secondsSinceEnd(sight) < archivingGrace;
  return mayStillCome ? waitForProof(sight, 'not listed yet') : ended(sight, otherwise);
}

function judgeWalMissing(sight: Sight, proof: Extract<Proof, { verdict: 'walMissing' }>): Step {
  return secondsSinceEnd(sight) < archivingGrace
    ? waitForProof(sight, `${proof.entry.name} is listed, WAL ${proof.segment} is not stored yet`)
    : ended(sight, { kind: 'WalgError', text: notRestorable(sight, proof) });
}

/** Since the end of wal-g by the pod's clock, or, when that is unknown, since the first look without proof. */
function secondsSinceEnd({ backup, inspection, observation, run }: Sight): number {
  if (run.endedAt !== undefined) return inspection.podTime - run.endedAt;
  return observation.now - (provingSince(backup) ?? observation.now);
}

/** Since when wal-g is known to have ended without a proof. `unprovenSince` alone may be that of a silent pod. */
function provingSince({ status }: PgBackup): UnixSeconds | undefined {
  return status.reason === 'ProofUnknown' ? parseTime(status.unprovenSince) : undefined;
}

/** Storage that cannot be read proves nothing, neither success nor failure: for at most an hour it is asked again. */
function judgeUnknown(sight: Sight, why: string): Step {
  const { now } = sight.observation;
  const since = provingSince(sight.backup) ?? now;
  return now - since < proofPatience ? waitForProof(sight, why) : ended(sight, unprovable(why));
}

function unprovable(why: string): Problem {
  const text = `finished but could not be proved within ${span(proofPatience)}: ${oneLine(why)}. Nothing counts as stored. Check the storage, then run a new backup.`;
  return { kind: 'WalgError', text };
}

function waitForProof(sight: Sight, why: string): Step {
  const { backup, observation } = sight;
  const message = oneLine(`wal-g has ended; proof is awaited: ${why}`);
  if (provingSince(backup) !== undefined) return { kind: 'wait', reason: 'ProofUnknown', message };
  const startedAt = sight.run.startedAt;
  const status = defined({
    ...backup.status,
    reason: 'ProofUnknown',
    message,
    unprovenSince: rfc3339(observation.now),
    startTime: startedAt === undefined ? backup.status.startTime : rfc3339(startedAt),
  });
  return { kind: 'write', status, reason: 'ProofUnknown', message };
}

function proofOf({ backup, observation }: Sight): Proof | undefined {
  const { catalogue } = observation;
  if (catalogue === undefined) return undefined;
  if (!catalogue.ok) return { verdict: 'unknown', why: catalogue.problem.message };
  return prove(catalogue.value, claimOf(backup));
}

/** What a stored backup of this PgBackup says of itself in its user data. */
function claimOf(backup: PgBackup): Claim {
  const { uid, namespace } = backup.metadata;
  return { uid, namespace, statefulSet: backup.spec.selector.name };
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

function ended(sight: Sight, problem: Problem): Step {
  const { backup, inspection, run } = sight;
  return {
    kind: 'write',
    status: failed(backup, problem, inspection.podTime, run),
    reason: problem.kind,
    message: oneLine(problemMessage(problem)),
  };
}

function writeFailure(observation: Observation, backup: PgBackup, problem: Problem): Step {
  return {
    kind: 'write',
    status: failed(backup, problem, observation.now),
    reason: problem.kind,
    message: oneLine(problemMessage(problem)),
  };
}

function stopCommand({ backup, observation }: Sight): Command {
  const { executor } = backup.status;
  return {
    type: 'stop',
    pod: { namespace: observation.namespace, pod: executor.pod, container: containerName },
    kind: 'backup',
    id: backup.metadata.uid,
    directory: executor.directory,
  };
}

function restarted(sight: Sight): Problem {
  const { backup, changed } = sight;
  const text = `PostgreSQL in ${backup.status.executor.pod} restarted during the backup (${changed}). wal-g was stopped; nothing counts as stored. ${whatNext(sight.observation)}`;
  return { kind: 'InitializationError', text };
}

function absentAfterExit({ backup }: Sight): Problem {
  return {
    kind: 'WalgError',
    text: `wal-g ended with exit code 0 but no stored backup carries this run's UID. Nothing counts as stored. ${logOf(backup)}`,
  };
}

function died(sight: Sight): string {
  return `wal-g is gone without an exit code (killed?) at "${lastLine(sight.run)}". Nothing counts as stored. ${logOf(sight.backup)}`;
}

function foreign({ entry }: Extract<Proof, { verdict: 'foreign' }>): string {
  return `${entry.name} carries this run's UID but is of another database (system identifier ${entry.systemIdentifier ?? 'unknown'}). It counts for nothing.`;
}

function notRestorable(sight: Sight, proof: Extract<Proof, { verdict: 'walMissing' }>): string {
  const { catalogue } = sight.observation;
  const archiver = catalogue?.ok === true ? catalogue.value.archiver : undefined;
  const why =
    archiver === undefined
      ? ''
      : ` (archiver: ${archiver.failedCount} failures, last ${archiver.lastFailedTime || 'never'})`;
  return `${proof.entry.name} is stored but NOT restorable: WAL ${proof.segment} was not archived within ${archivingGrace} s${why}. Fix archive_command, then run a new backup.`;
}

function whatNext({ managers, namespace, statefulSet }: Observation): string {
  const next = oldestManager(managers)?.status.schedule?.nextSlot;
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
