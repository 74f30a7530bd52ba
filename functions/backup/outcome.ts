/** Statuses of a started PgBackup and the messages that a person reads. No side effects. */
import { lsnText, type CatalogueEntry } from '../domain/catalogue/catalogue.ts';
import { timelineOf } from '../domain/catalogue/timeline-history.ts';
import { defined } from '../domain/defined.ts';
import { failureText, type BackupFailure } from '../domain/failure-kinds.ts';
import type { CatalogueAnswer, RunReport } from '../domain/run/protocol.ts';
import type { PgBackup, PgBackupStatus } from '../domain/resources/pg-backup.ts';
import { bounded, byteSize, redact } from '../domain/text.ts';
import { parseTime, rfc3339, span, type UnixSeconds } from '../domain/time.ts';

/** `wal-g has been running in postgres-0 since 2022-01-02T06:00:14Z`: a moment, never a duration that grows by itself. */
export function runningSince(pod: string, startTime: string): string {
  return `wal-g has been running in ${pod} since ${startTime}`;
}

/** When a run began and ended, pod's clock where it is known. */
interface Times {
  readonly startedAt?: UnixSeconds | undefined;
  readonly endedAt: UnixSeconds;
}

/** What is known of a proved backup: its entry in the catalogue, and the wal-g that showed it. */
interface Proved {
  readonly entry: CatalogueEntry;
  readonly answer: CatalogueAnswer | undefined;
}

/** Proved: it is in the catalogue and its WAL is stored. */
export function succeeded(backup: PgBackup, { entry, answer }: Proved, run: RunReport | undefined): PgBackupStatus {
  const startedAt = run?.startedAt ?? parseTime(backup.status.startTime) ?? entry.startedAt;
  const endedAt = run?.endedAt ?? entry.finishedAt;
  const log = run === undefined || run.state === 'none' ? 'log lost with the container' : logText(run);
  return finished(
    backup,
    { startedAt, endedAt },
    {
      state: 'success',
      message: withLog(`Job finished in ${inWords(endedAt - startedAt)}.${suspicion(run)}`, log),
      size: entry.compressedSize === undefined ? undefined : byteSize(entry.compressedSize),
      backup: storedBackup({ entry, answer }, run),
    },
  );
}

/** What is stored, as far as wal-g and the pod report it. */
function storedBackup({ entry, answer }: Proved, run: RunReport | undefined): NonNullable<PgBackupStatus['backup']> {
  const { name, startLSN, finishLSN, systemIdentifier, compressedSize, uncompressedSize, storedAt } = entry;
  return defined({
    name,
    startLSN: lsnText(startLSN),
    finishLSN: lsnText(finishLSN),
    systemIdentifier,
    compressedSize,
    uncompressedSize,
    walgVersion: answer?.walgVersion,
    storedAt,
    timeline: timelineOf(name),
    parts: answer?.parts?.[name]?.length,
    suspectPages: run?.suspectPages,
    suspectPath: run?.suspectPath,
  });
}

/** wal-g reads no page twice, so a page that was being written is suspected as well. */
function suspicion({ suspectPages, suspectPath }: Pick<RunReport, 'suspectPages' | 'suspectPath'> = {}): string {
  if (suspectPages === undefined) return '';
  const pages = suspectPages === 1 ? '1 page' : `${suspectPages} pages`;
  return ` wal-g suspects that ${pages} of the database may be damaged (first in ${suspectPath}). Restore this backup somewhere else to find out.`;
}

/** `endedAt` is used when the run itself did not record its end. */
export function failed(
  backup: PgBackup,
  problem: BackupFailure,
  endedAt: UnixSeconds,
  run?: RunReport,
): PgBackupStatus {
  const times = { startedAt: run?.startedAt ?? parseTime(backup.status.startTime), endedAt: run?.endedAt ?? endedAt };
  const log = run === undefined || run.state === 'none' ? '' : logText(run);
  return finished(backup, times, {
    state: 'error',
    reason: problem.kind,
    message: withLog(redact(failureText(problem)), log),
  });
}

function finished(backup: PgBackup, times: Times, outcome: Partial<PgBackupStatus>): PgBackupStatus {
  const { startedAt } = times;
  const endedAt = Math.max(times.endedAt, startedAt ?? 0);
  return defined({
    ...outcome,
    startTime: startedAt === undefined ? undefined : rfc3339(startedAt),
    finishTime: rfc3339(endedAt),
    duration: span(startedAt === undefined ? 0 : endedAt - startedAt),
    announced: backup.status.announced,
    executor: backup.status.executor,
  });
}

function logText(run: RunReport): string {
  const { head, tail, bytes } = run.log;
  if (head === '') return tail;
  return `${head}\n… of ${bytes} bytes of log the middle is left out …\n${tail}`;
}

/** Each line of the log is indented by two spaces, so that `kubectl describe` aligns. */
function withLog(headline: string, log: string): string {
  const lines = redact(log.trimEnd())
    .split('\n')
    .filter((line) => line !== '');
  return bounded([headline, ...lines.map((line) => `  ${printable(line)}`)].join('\n'));
}

function printable(line: string): string {
  return line.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '').replaceAll('\t', ' ');
}

/** `4 seconds`, `6 minutes 2 seconds`. */
function inWords(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const parts: [number, string][] = [
    [Math.floor(whole / 3600), 'hour'],
    [Math.floor(whole / 60) % 60, 'minute'],
    [whole % 60, 'second'],
  ];
  const shown = parts.filter(([count, unit]) => count > 0 || (unit === 'second' && whole === 0));
  return shown.map(([count, unit]) => `${count} ${unit}${count === 1 ? '' : 's'}`).join(' ');
}
