/** `conditions.backup` of a PgManager: a projection of the PgBackups of its StatefulSet, never a memory of its own. */
import { endedStale, isFinished } from '../domain/resources/backup-state.ts';
import { defined } from '../domain/defined.ts';
import { byAge } from '../domain/resources/manager-state.ts';
import type { PgBackup } from '../domain/resources/pg-backup.ts';
import type { BackupCondition, FinishedRun } from '../domain/resources/pg-manager.ts';
import { oneLine } from '../domain/text.ts';

/** How many finished runs `log` shows. */
const logLength = 5;

export interface BackupFacts {
  /** PgBackups that are neither success nor error. */
  readonly unfinished: readonly PgBackup[];
  /** All PgBackups of the StatefulSet; undefined when nothing has finished since the stored condition was written. */
  readonly history?: readonly PgBackup[] | undefined;
  /** The PgManager that acts for the StatefulSet in place of this one, which is not suspended: no slot of this one runs. */
  readonly actingInstead?: string | undefined;
}

/** The condition as it should be. `stored` supplies the finished runs when `history` was not read. */
export function projectBackupCondition(facts: BackupFacts, stored: BackupCondition | undefined): BackupCondition {
  const finished = facts.history?.filter(isRun).toSorted(newestFirst);
  const past = { ...(finished === undefined ? pastOf(stored) : pastFrom(finished)), ...conflict(facts) };
  const current = currentRun(facts.unfinished);
  return defined({
    ...past,
    ...(current === undefined
      ? {}
      : {
          status: current.status.state === 'running' ? ('running' as const) : ('pending' as const),
          message: currentMessage(current),
        }),
    running: current?.metadata.name,
  });
}

/** Finished, and not one that was put back after its run. */
function isRun(backup: PgBackup): boolean {
  return isFinished(backup) && !endedStale(backup);
}

type Past = Pick<BackupCondition, 'status' | 'log' | 'message' | 'lastSuccess'>;

const inConflict = 'ScheduleConflict: ';

/** Backups of another manager's slots must not stand for its own. */
function conflict({ actingInstead }: BackupFacts): Pick<BackupCondition, 'status' | 'message'> {
  if (actingInstead === undefined) return {};
  const message = `${inConflict}no slot of this PgManager runs, because PgManager ${actingInstead} has the same selector and is older. Delete or suspend one of the two.`;
  return { status: 'error', message: oneLine(message) };
}

/**
 * What a stored condition says of finished runs. Its status and message may be those of a run that has ended, or of a
 * conflict that is over: then they come from its log.
 */
function pastOf(stored: BackupCondition | undefined): Past {
  const verdict = stored?.log?.find((run) => run.reason !== 'AlreadyRunning');
  if (stored?.running === undefined && stored?.message?.startsWith(inConflict) !== true)
    return defined({ ...stored, running: undefined });
  return defined({
    status: verdict === undefined ? undefined : verdict.state === 'success' ? ('ok' as const) : ('error' as const),
    log: stored.log,
    message: undefined,
    lastSuccess: stored.lastSuccess,
  });
}

function pastFrom(finished: readonly PgBackup[]): Past {
  const verdict = finished.find((backup) => backup.status.reason !== 'AlreadyRunning');
  const success = finished.find((backup) => backup.status.state === 'success');
  return defined({
    status:
      verdict === undefined ? undefined : verdict.status.state === 'success' ? ('ok' as const) : ('error' as const),
    log: finished.length === 0 ? undefined : finished.slice(0, logLength).map(logEntry),
    message: verdict === undefined ? undefined : verdictMessage(verdict),
    lastSuccess:
      success === undefined
        ? undefined
        : {
            name: success.metadata.name,
            uid: success.metadata.uid,
            finishTime: success.status.finishTime ?? '',
          },
  });
}

function logEntry(backup: PgBackup): FinishedRun {
  const { finishTime = '', reason, startTime, state } = backup.status;
  return defined({
    finishTime,
    name: backup.metadata.name,
    reason,
    startTime,
    state: state === 'success' ? ('success' as const) : ('error' as const),
  });
}

function verdictMessage(backup: PgBackup): string {
  const { status } = backup;
  if (status.state === 'error') return oneLine(firstLine(status.message));
  return oneLine(
    `${status.backup?.name ?? backup.metadata.name} stored and restorable${status.size === undefined ? '' : `, ${status.size}`}`,
  );
}

function currentMessage(backup: PgBackup): string {
  return oneLine(firstLine(backup.status.message) || `${backup.metadata.name} is ${backup.status.state ?? 'pending'}`);
}

function firstLine(message: string | undefined): string {
  return message?.split('\n', 1)[0] ?? '';
}

/** The running one beats those that wait; among those the oldest. */
function currentRun(unfinished: readonly PgBackup[]): PgBackup | undefined {
  return unfinished.find((backup) => backup.status.state === 'running') ?? unfinished.toSorted(byAge)[0];
}

/**
 * Newest first by creationTimestamp, which comes from one clock. Finish times come from pods: one pod whose clock once ran
 * ahead would keep its success the newest, and hide every later failure until that time has come.
 */
function newestFirst(left: PgBackup, right: PgBackup): number {
  const [a, b] = [left, right].map(
    ({ metadata, status }) => `${metadata.creationTimestamp} ${status.finishTime ?? ''} ${metadata.name}`,
  );
  return (a ?? '') < (b ?? '') ? 1 : -1;
}
