/**
 * What the control plane knows of a run inside the database pod.
 *
 * wal-g never depends on an exec stream: `start` leaves a detached run behind, and `inspect` reads its files. The types
 * here are what the in-pod runner (platform/run/runner.sh) answers, already parsed; every time is the pod's clock.
 */

import type { ServerRole } from './server-role.ts';

/** What a run does: push a base backup or delete old ones. Both hold the one lock of the data directory. */
export type RunKind = 'backup' | 'rotation';

/**
 * Which incarnation of container and database answered. A run belongs to exactly one; when any field differs later,
 * the database was restarted under it. All fields are opaque text: compare, never calculate.
 */
export interface Identity {
  /** Host name inside the container. */
  readonly host: string;
  /** Field 22 of /proc/1/stat: start time of the container's first process, in clock ticks since boot. */
  readonly ticks: string;
  /** /proc/sys/kernel/random/boot_id of the node. */
  readonly boot: string;
  /** Line 3 of postmaster.pid: start of the postmaster, Unix seconds; empty when PostgreSQL is not up. */
  readonly postmaster: string;
}

/** Who holds the lock on the data directory; `unknown` is a holder that is not one of our runs. */
export type Holder = { readonly id: string; readonly kind: RunKind } | 'unknown' | undefined;

/**
 * `none`: no trace of the run. `starting` and `running`: alive. `exited`: wal-g ended and its code is known.
 * `died`: files are there, no exit code, nothing alive.
 */
export type RunState = 'none' | 'starting' | 'running' | 'exited' | 'died';

/** A run as its files and processes show it. Times are Unix seconds of the pod's clock. */
export interface RunReport {
  readonly id: string;
  readonly kind: RunKind;
  readonly state: RunState;
  readonly exitCode?: number;
  readonly startedAt?: number;
  readonly endedAt?: number;
  /** Seconds since it began by the uptime of its node, which does not jump as a clock does; runs of an earlier version do not say it. */
  readonly age?: number;
  /** The pod-side deadline ended it: it lasted at least as long as it was allowed to. */
  readonly deadlineHit: boolean;
  /** A stop was asked for: nothing may start under this id any more. */
  readonly tombstone: boolean;
  /** Set by a rotation run whose catalogue, listed under the lock, was not the one it was planned from. */
  readonly catalogueChanged: boolean;
  /** Head and tail of the log, whole lines, bounded by the runner (head 8 KiB, tail 24 KiB). */
  readonly log: { readonly head: string; readonly tail: string; readonly bytes: number };
  /** First and last line of the log with `ERROR` (or the first line of a Go panic), when there is one. */
  readonly firstError?: string;
  readonly lastError?: string;
  /** How many pages wal-g found to be damaged while it copied them, in the whole log, and the file of the first. */
  readonly suspectPages?: number;
  readonly suspectPath?: string;
}

/** What stops us from working in the pod at all, whatever the run. `detail` is one line. */
export type PodObstacle =
  | { readonly kind: 'WrongUser'; readonly detail: string }
  | { readonly kind: 'DirectoryNotCreatable'; readonly detail: string }
  | { readonly kind: 'DirectoryFull'; readonly detail: string }
  | { readonly kind: 'NoWalg'; readonly detail: string }
  | { readonly kind: 'NoDataDirectory'; readonly detail: string }
  | { readonly kind: 'MissingTool'; readonly detail: string };

/** What a pod answers to `inspect`. */
export interface Inspection {
  /** Unix seconds, pod's clock. */
  readonly podTime: number;
  readonly identity: Identity;
  /** The postmaster is shutting down (last line of postmaster.pid): sessions are being ended, it goes or comes back as another. */
  readonly stopping: boolean;
  /** Numeric uid that runs wal-g: the owner of the data directory; -1 when there is none. */
  readonly uid: number;
  readonly pgdata: string;
  /** Unsigned 64-bit decimal text from pg_control. */
  readonly systemIdentifier: string;
  readonly role: ServerRole;
  /** Of the newest WAL segment: the control file learns of a promotion only at the next checkpoint. */
  readonly timeline?: number;
  /** The file that makes PostgreSQL begin as a standby or to restore; it explains, and decides nothing. */
  readonly signal?: string;
  readonly obstacle?: PodObstacle;
  readonly holder: Holder;
  /** The run asked about, when one was. */
  readonly run?: RunReport;
}

/** A run and where its files are (absolute path inside the container). */
export interface RunAddress {
  readonly id: string;
  readonly kind: RunKind;
  readonly dir: string;
}

/** What `start` was decided from and shall do. */
export type StartRequest = RunAddress & {
  /** As inspected last; nothing starts in another incarnation. */
  readonly identity: Identity;
  /** Unix seconds of the pod's clock; nothing starts later. */
  readonly notAfter: number;
  /** Hard deadline of the run. */
  readonly timeoutSeconds: number;
} & (
    | {
        readonly kind: 'backup';
        /** PgBackup name, for the link `<dir>/<name>.log`. */
        readonly name: string;
        /** JSON text, stored with the backup. Not secret. */
        readonly userData: string;
      }
    | {
        readonly kind: 'rotation';
        /** Backup name: everything before it (or before its full) is deleted. */
        readonly cut: string;
        /** All backup names of the catalogue that the plan was made from, in any order. */
        readonly names: readonly string[];
      }
  );

/**
 * Answer of `start`. `running` and `exited`: the run was launched, by this call or an earlier one of the same id; a short
 * run may have ended before the answer. `refused` names the check that failed; nothing was launched then. `died`: this
 * very run was launched before, left no exit code, and nothing of it is alive; one id never runs twice.
 */
export type StartAnswer =
  | { readonly state: 'running' | 'exited'; readonly podTime: number; readonly startedAt: number }
  | { readonly state: 'busy'; readonly podTime: number; readonly holder: Holder }
  | {
      readonly state: 'refused';
      readonly podTime: number;
      readonly reason: 'identity' | 'not-after' | 'tombstone' | 'obstacle' | 'died';
      readonly detail: string;
    };

/** Answer of `stop`, a level: TERM first, KILL from a call at least 30 s later, tombstone always. */
export interface StopAnswer {
  readonly podTime: number;
  /** `gone`: nothing of the run is alive. `signalled`: TERM or KILL was sent. `left`: alive, but not safe to signal (its guard is dead, or it is just being launched). */
  readonly state: 'gone' | 'signalled' | 'left';
  /** False when the directory cannot be written: then a late `start` is held off by its not-after only. */
  readonly tombstone: boolean;
}

/** Answer of `prune`: ids of which no file is left. */
export interface PruneAnswer {
  readonly podTime: number;
  readonly pruned: readonly string[];
}

/** An object of a stored backup: part of what `backup-fetch` unpacks. */
export interface StoredPart {
  readonly name: string;
  readonly bytes: number;
}

/** Answer of `catalogue`: raw material of a proof; catalogue.ts and proof.ts give it meaning. */
export interface CatalogueAnswer {
  readonly podTime: number;
  readonly systemIdentifier: string;
  /** stdout of `wal-g backup-list --detail --json`, or else of the plain list; undefined when storage could not be read. */
  readonly backups?: string;
  /** True when `backups` has only names and times: details of at least one entry could not be read. */
  readonly plain: boolean;
  /** When `plain`: metadata.json of single backups by name, newest first, as many as there was time for. */
  readonly details?: Readonly<Record<string, string>>;
  /** What is stored of the backup that was asked for and of each that it rests on, by name; those that could be listed. */
  readonly parts?: Readonly<Record<string, readonly StoredPart[]>>;
  /** stdout of `wal-g wal-show --detailed-json`; undefined when it failed. */
  readonly wal?: string;
  /** Names of WAL segments that PostgreSQL still waits to archive (archive_status/<segment>.ready), newest 20 000. */
  readonly ready: readonly string[];
  /** The first file of any kind that PostgreSQL waits to archive, without `.ready`. */
  readonly oldestReady?: string;
  /** Size of a WAL segment of this database in bytes; 16 MiB when the pod does not say it. */
  readonly segmentSize?: number;
  /** How many there are: when more than `ready` holds, a segment older than its first may wait as well. */
  readonly readyTotal: number;
  /** Timeline that this database writes: that of the newest segment in pg_wal; undefined when there is none. */
  readonly timeline?: number;
  /** Lines of its `.history` in pg_wal; none on timeline 1, or when it is not there. */
  readonly history?: readonly string[];
  /** One line that explains archiving, from pg_stat_archiver, when psql could read it. */
  readonly archiver?: {
    readonly failedCount: number;
    readonly lastFailedWal: string;
    readonly lastFailedTime: string;
    readonly lastArchivedTime: string;
  };
  /** First ERROR line of what failed. */
  readonly error?: string;
  /** As `wal-g --version` prints it, without tabs; custom builds print `devel`. */
  readonly walgVersion?: string;
}

/** Answer of `probe`. */
export interface ProbeAnswer {
  readonly podTime: number;
  readonly uid: number;
  readonly obstacle?: PodObstacle;
  /** As `wal-g --version` prints it, without tabs; custom builds print `devel`. */
  readonly walgVersion: string;
  /** `archive_mode` from postgresql's own settings when psql could read it, else empty. */
  readonly archiveMode: string;
  readonly read: ProbeResult;
  readonly write: ProbeResult;
  readonly holder: Holder;
}

/** `timeout`: the pod-side bound of 15 s for both checks together ended it. */
export interface ProbeResult {
  readonly outcome: 'ok' | 'failed' | 'timeout' | 'skipped';
  /** First ERROR line, or the last line printed; empty when ok. */
  readonly detail: string;
}
