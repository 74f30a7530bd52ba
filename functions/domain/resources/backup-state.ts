/** Questions about one PgBackup. */
import type { PgBackup } from './pg-backup.ts';

/** `success` or `error`: its outcome never changes again. */
export function isFinished(backup: PgBackup): boolean {
  return backup.status.state === 'success' || backup.status.state === 'error';
}

/** Ended in silence because it was put back after its run: it stands for no run here. */
export function endedStale({ status }: PgBackup): boolean {
  return status.reason === 'Stale';
}

/** Finished and announced: nothing is left to do for it. */
export function isAnnounced(backup: PgBackup): boolean {
  return isFinished(backup) && backup.status.announced === backup.status.state;
}

/** Executor pinned and not finished: a run of it may be alive. */
export function isRunning(backup: PgBackup): boolean {
  return backup.status.state === 'running' && backup.status.executor !== undefined;
}

/** Stored, wal-g has ended, and only WAL is not archived yet: it holds no lock and is in nobody's way. */
export function isWaitingForArchive(backup: PgBackup): boolean {
  return isRunning(backup) && backup.status.reason === 'WaitingForArchive';
}

/** Running, but the pod has not confirmed the start yet. */
export function isLaunching(backup: PgBackup): boolean {
  return isRunning(backup) && backup.status.startTime === undefined;
}
