/** `conditions.rotation` of a PgManager: run ids, attempts, and how one ending changes it. No side effects. */
import type { CatalogueEntry } from '../domain/catalogue/catalogue.ts';
import { defined } from '../domain/defined.ts';
import type {
  FinishedRotation,
  PgManager,
  RotationCondition,
  RotationOutcome,
} from '../domain/resources/pg-manager.ts';
import { parseTime, type UnixSeconds } from '../domain/time.ts';

/** The tenth failure is served: the next successful backup tries again. */
export const maxAttempts = 10;
/** How long a failed run is left alone: less than a sweep's interval, more than any redelivery (seconds). */
const retryDelay = 600;
/** How many finished runs `log` shows. */
const logLength = 5;
/** Outcomes that wait for a sink which is down; older ones are given up. */
const outboxLength = 20;

/** The condition as stored; empty before the first rotation. */
export function rotationOf(manager: PgManager): RotationCondition {
  return manager.status.conditions.rotation ?? {};
}

/** `<uid of the success it serves>-<attempt>`. */
export function runId(success: string, attempt: number): string {
  return `${success}-${attempt}`;
}

/** The success that a run serves. */
export function successOf(id: string): string {
  return id.slice(0, id.lastIndexOf('-'));
}

/** Attempt number in a run id. */
export function attemptOf(id: string): number {
  return Number(id.slice(id.lastIndexOf('-') + 1)) || 0;
}

/**
 * The highest attempt that was made for this success: finished, or started and never heard of again. All of the log
 * counts, because a success is served once more when a newer one was deleted, and an id never means two runs.
 */
export function attemptsFor(rotation: RotationCondition, success: string): number {
  const ids = [...(rotation.log ?? []).map(({ id }) => id), rotation.planned?.id, rotation.running?.id];
  return Math.max(0, ...ids.filter((id) => id !== undefined && successOf(id) === success).map((id) => attemptOf(id!)));
}

/** Until when a success is left alone because its last run has failed; undefined when it has not. */
export function retryAt(rotation: RotationCondition, success: string): UnixSeconds | undefined {
  const last = rotation.log?.[0];
  if (last?.id === undefined || last.state !== 'error' || successOf(last.id) !== success) return undefined;
  return (parseTime(last.finishTime) ?? 0) + retryDelay;
}

/**
 * What runs were ordered to delete and is gone. Only while the cut, which must stay, is listed: a catalogue without it
 * is another storage, and says nothing about what was deleted in this one.
 */
export function goneOf(planned: RotationCondition['planned'], entries: readonly CatalogueEntry[]): string[] {
  if (planned === undefined || !entries.some(({ name }) => name === planned.cut)) return [];
  const listed = new Set(entries.map(({ name }) => name));
  return planned.names.filter((name) => !listed.has(name));
}

/** How a rotation ended. */
export interface Ending {
  readonly id: string;
  readonly outcome: RotationOutcome;
  readonly message: string;
  readonly startTime: string;
  readonly finishTime: string;
  /** Stored backups that went, or with `dryrun` would go. */
  readonly deleted: readonly string[];
  /** A deletion that was announced instead of done. */
  readonly warned?: RotationCondition['warned'];
  /** How many are stored; undefined when the catalogue was not read. */
  readonly kept?: number | undefined;
}

/** The condition after an ending; `missing` are the PgBackups whose stored backup vanished, if that is known. */
export function afterEnding(
  rotation: RotationCondition,
  ending: Ending,
  missing: readonly string[] | undefined,
): RotationCondition {
  const { id, outcome, message, deleted, kept } = ending;
  const served = outcome !== 'error' || attemptOf(id) >= maxAttempts;
  const lost = missing ?? rotation.missing ?? [];
  return defined({
    status: statusOf(outcome),
    message,
    log: afterEndingLog(rotation, ending).slice(0, logLength),
    servedBackup: served ? successOf(id) : rotation.servedBackup,
    attempt: attemptOf(id),
    planned: outcome === 'success' ? undefined : rotation.planned,
    // An attempt that failed is made again; any other ending has done what was announced, or makes it untrue.
    warned: outcome === 'error' ? rotation.warned : ending.warned,
    missing: lost.length === 0 ? undefined : [...lost],
    outbox: [...(rotation.outbox ?? []), defined({ id, outcome, message, deleted: [...deleted], kept })].slice(
      -outboxLength,
    ),
    announced: rotation.announced,
  });
}

function statusOf(outcome: string): 'ok' | 'dryrun' | 'error' {
  if (outcome === 'success') return 'ok';
  return outcome === 'dryrun' ? 'dryrun' : 'error';
}

function afterEndingLog(rotation: RotationCondition, ending: Ending): FinishedRotation[] {
  const { finishTime, id, message, startTime, outcome } = ending;
  return [{ finishTime, id, message, startTime, state: outcome }, ...(rotation.log ?? [])];
}

/** Ids of runs that nothing will name once this ending is in the log: their files may go. */
export function forgottenRuns(rotation: RotationCondition, ending: Ending): string[] {
  const log = afterEndingLog(rotation, ending);
  const kept = new Set(log.slice(0, logLength).map(({ id }) => id));
  return log.slice(logLength).flatMap(({ id }) => {
    if (id === undefined) return [];
    // Attempts that came to nothing have files and no entry in the log; they go with the attempt that ended.
    const attempts = Array.from({ length: Math.min(attemptOf(id), maxAttempts) }, (_, at) =>
      runId(successOf(id), at + 1),
    );
    return attempts.filter((attempt) => !kept.has(attempt));
  });
}

/** Nothing is pending: status and message are those of the newest finished run. */
export function atRest(rotation: RotationCondition): RotationCondition {
  if (rotation.status !== 'pending') return rotation;
  const last = rotation.log?.[0];
  return defined({
    ...rotation,
    status: last === undefined ? undefined : statusOf(last.state),
    message: last?.message,
  });
}
