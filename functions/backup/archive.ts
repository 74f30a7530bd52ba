/**
 * Decides about PgBackups that are stored and only lack WAL. Pushing again archives nothing, so they wait for archiving:
 * beside the others, without the lock, and for as long as archiving gets on. No side effects.
 */
import { archiveMark, gotOn, lastFailure } from '../domain/catalogue/archiving.ts';
import { prove, type Proof } from '../domain/catalogue/proof.ts';
import { defined } from '../domain/defined.ts';
import { slotAnnotation } from '../domain/resources/names.ts';
import { actingManager } from '../domain/resources/manager-state.ts';
import { isWaitingForArchive } from '../domain/resources/backup-state.ts';
import type { PgBackup } from '../domain/resources/pg-backup.ts';
import type { CatalogueAnswer, RunReport } from '../domain/run/protocol.ts';
import { archivingPatience, archivingStall, leastStartingDeadline, proofPatience } from '../domain/run/limits.ts';
import type { BackupFailure } from '../domain/failure-kinds.ts';
import { failureText } from '../domain/failure-kinds.ts';
import { oneLine } from '../domain/text.ts';
import { clockTime, parseTime, rfc3339, type UnixSeconds } from '../domain/time.ts';
import type { Observation, WaitingRun } from './observation.ts';
import { failed, succeeded } from './outcome.ts';
import { claimOf, unprovable } from './claim.ts';
import type { Transition } from './transition.ts';

type MissingWal = Extract<Proof, { verdict: 'walMissing' }>;

/** One that only lacks WAL, and what was read of it. */
interface Waiting {
  readonly observation: Observation;
  readonly backup: PgBackup;
  readonly run?: RunReport | undefined;
}

/** A run has ended, its backup is stored, and WAL is not: from now on it waits. */
export function beginWaiting(waiting: Waiting, proof: MissingWal, answer: CatalogueAnswer): Transition {
  const { backup, observation, run } = waiting;
  const startTime = run?.startedAt === undefined ? backup.status.startTime : rfc3339(run.startedAt);
  const now = rfc3339(observation.now);
  return record({ ...backup, status: { ...backup.status, startTime, unprovenSince: now } }, { proof, answer, now });
}

/** What changes for one that waits; `wait` when nothing does. */
export function judgeWaiting(observation: Observation, backup: PgBackup, seen: WaitingRun): Transition {
  const waiting: Waiting = { observation, backup, run: seen.run };
  if (seen.catalogue === undefined) return wait('out of time; the catalogue is read in the next activation');
  if (!seen.catalogue.ok) return judgeSilence(waiting, seen.catalogue.problem.message);
  const answer = seen.catalogue.value;
  const proof = prove(answer, claimOf(backup));
  switch (proof.verdict) {
    case 'proved':
      return {
        kind: 'write',
        status: succeeded(backup, { entry: proof.entry, answer }, seen.run),
        reason: 'Proved',
        message: `${proof.entry.name} is stored and restorable`,
      };
    case 'walMissing':
      return judgeBehind(waiting, proof, answer);
    case 'notWhole':
      return judgeSilence(waiting, proof.text);
    case 'unknown':
      return judgeSilence(waiting, proof.why);
    default:
      return judgeSilence(waiting, 'its backup is not listed any more');
  }
}

function judgeBehind(waiting: Waiting, proof: MissingWal, answer: CatalogueAnswer): Transition {
  const { backup, observation } = waiting;
  const mark = archiveMark(proof.entry, answer);
  const before = backup.status.archive;
  const failure = lastFailure(answer);
  const explains = failure !== undefined && backup.status.message?.includes('last failure') !== true;
  if (before === undefined || gotOn(before, mark))
    return record(backup, { proof, answer, now: rfc3339(observation.now) });
  if (isOver(waiting, archivingStall)) return end(waiting, notRestorable(observation, proof, answer));
  if (explains) return record(backup, { proof, answer, now: before.progressTime });
  return wait(`${proof.entry.name} is stored; WAL ${proof.segment} is not archived yet`);
}

/** Nothing is known of it now. The end comes an hour after the last progress, and not before its time is over. */
function judgeSilence(waiting: Waiting, why: string): Transition {
  return isOver(waiting, proofPatience) ? end(waiting, unprovable(why)) : wait(why);
}

/** Both are over: `patience` seconds without progress, and the time in which archiving may be mended. */
function isOver({ backup, observation }: Waiting, patience: number): boolean {
  const { now } = observation;
  const progress = parseTime(backup.status.archive?.progressTime) ?? parseTime(backup.status.unprovenSince) ?? now;
  return now - progress >= patience && now >= waitsUntil(observation, backup);
}

/** The backup of a slot waits until the slot's starting deadline, because that is until when the slot may succeed. */
export function waitsUntil({ managers, now }: Observation, { metadata, status }: PgBackup): UnixSeconds {
  const since = parseTime(status.unprovenSince) ?? now;
  const slot = parseTime(metadata.annotations[slotAnnotation]);
  if (slot === undefined) return since + archivingPatience;
  const deadline = actingManager(managers)?.spec.backup.startingDeadlineSeconds ?? 21_600;
  return slot + Math.max(deadline, leastStartingDeadline);
}

interface Behind {
  readonly proof: MissingWal;
  readonly answer: CatalogueAnswer;
  readonly now: string;
}

/** Written when archiving gets on, never because time passes. */
function record(backup: PgBackup, { answer, now, proof }: Behind): Transition {
  const failure = lastFailure(answer);
  const message = oneLine(
    `${proof.entry.name} is stored; WAL ${proof.segment} is not archived yet${failure === undefined ? '' : `; ${failure}`}`,
  );
  const reason = 'WaitingForArchive';
  const archive = defined({ ...archiveMark(proof.entry, answer), progressTime: now });
  return { kind: 'write', status: defined({ ...backup.status, reason, message, archive }), reason, message };
}

function wait(message: string): Transition {
  return { kind: 'wait', reason: 'WaitingForArchive', message: oneLine(message) };
}

function end({ backup, observation, run }: Waiting, problem: BackupFailure): Transition {
  const status = failed(backup, problem, observation.now, run);
  return { kind: 'write', status, reason: problem.kind, message: oneLine(failureText(problem)) };
}

function notRestorable(
  { now }: Observation,
  { entry, segment }: MissingWal,
  { archiver }: CatalogueAnswer,
): BackupFailure {
  const why =
    archiver === undefined
      ? ''
      : ` (archiver: ${archiver.failedCount} failures, last ${archiver.lastFailedTime || 'never'})`;
  const text = `${entry.name} is stored but NOT restorable: WAL ${segment} was not archived by ${clockTime(now)}${why}. Fix archive_command, then run a new backup.`;
  return { kind: 'WalgError', text };
}

/** Those of the open ones that wait for archiving. */
export function waitingOf(open: readonly PgBackup[]): PgBackup[] {
  return open.filter(isWaitingForArchive);
}
