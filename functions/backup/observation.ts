/** What a decision about one StatefulSet's backups is based on. */
import type { Location } from '../domain/run/location.ts';
import type { PgBackup } from '../domain/resources/pg-backup.ts';
import type { PgManager } from '../domain/resources/pg-manager.ts';
import type { CatalogueAnswer, RunReport } from '../domain/run/protocol.ts';
import type { NamespaceIdentity } from '../domain/resources/namespace.ts';
import type { UnixSeconds } from '../domain/time.ts';
import type { PodInspection, RunnerResult } from '../domain/run/observed-run.ts';
import { byAge, actingManager } from '../domain/resources/manager-state.ts';
import { isFinished, isRunning } from '../domain/resources/backup-state.ts';

/**
 * Lifecycle of a PgBackup:
 *
 *   (no state) ─▶ pending ─▶ running, launching ─▶ running, started ─▶ success | error ─▶ announced
 *        │           │        (executor pinned,     (startTime from
 *        └───────────┴──────▶  start sent)           the pod)
 *        error at once: wrong names, AlreadyRunning
 */
export interface Observation {
  /** API server's clock. */
  readonly now: UnixSeconds;
  /** First round of this activation, which ensures the timers. */
  readonly firstRound: boolean;
  /** An observe timer woke us. */
  readonly ticked: boolean;
  readonly namespace: string;
  /** Name of the StatefulSet, from the selector; it need not exist. */
  readonly statefulSet: string;
  /** PgBackups of the StatefulSet that are unfinished or not announced as finished. */
  readonly open: readonly PgBackup[];
  /** PgManagers with the same selector. */
  readonly managers: readonly PgManager[];
  /** All PgBackups of the StatefulSet; read when a finished one is to be announced, or one was deleted. */
  readonly history?: readonly PgBackup[] | undefined;
  /** Read when nothing is running. */
  readonly location?: Location | undefined;
  /** The database container that was inspected, and its answer. */
  readonly podInspection?: PodInspection | undefined;
  /** UID of the Namespace; read when the next one may start. */
  readonly namespaceIdentity?: NamespaceIdentity | undefined;
  /** All containers that were asked who is the primary. */
  readonly asked?: readonly PodInspection[] | undefined;
  /** Running ones whose pod is lost: they wait beside the others, and hold nobody up. */
  readonly lost?: readonly LostRun[] | undefined;
  /** Those that only wait for their WAL: beside the others, and in nobody's way. */
  readonly waiting?: readonly WaitingRun[] | undefined;
  /** How the container of the run ended, where Kubernetes explains it; read when another one answers. */
  readonly ending?: string | undefined;
  /** Read when the running one needs proof and there was time for it. */
  readonly catalogue?: RunnerResult<CatalogueAnswer> | undefined;
}

/** A running PgBackup whose pod does not answer and, by the word of Kubernetes, will not. */
export interface LostRun {
  readonly uid: string;
  readonly why: string;
  /** The catalogue through the present primary, or why it was not read; absent while it is not due. */
  readonly proof?: RunnerResult<CatalogueAnswer> | 'noTime' | 'noPrimary';
}

/** A stored backup that lacks WAL, and what was read of it. */
export interface WaitingRun {
  readonly uid: string;
  /** Its files, when its pod is there still. */
  readonly run?: RunReport | undefined;
  /** Absent when there was no time. */
  readonly catalogue?: RunnerResult<CatalogueAnswer> | undefined;
}

/** Where a run's files go and how long it may last: of the acting manager, or the defaults of the CRD. */
export function settingsFor(managers: readonly PgManager[]): { directory: string; timeoutSeconds: number } {
  const backup = actingManager(managers)?.spec.backup;
  return { directory: backup?.directory ?? '/PgBackup', timeoutSeconds: backup?.timeoutSeconds ?? 43200 };
}

/** The unfinished PgBackups in the order they are served: a running one always beats those not started, then age decides. */
export function queueOf(open: readonly PgBackup[]): PgBackup[] {
  const unfinished = open.filter((backup) => !isFinished(backup));
  return unfinished.toSorted((a, b) => Number(isRunning(b)) - Number(isRunning(a)) || byAge(a, b));
}
