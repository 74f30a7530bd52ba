/** What a look at one StatefulSet's backups is decided from. */
import type { Location } from '../domain/run/location.ts';
import type { PgBackup } from '../domain/resources/pg-backup.ts';
import type { PgManager } from '../domain/resources/pg-manager.ts';
import type { CatalogueAnswer } from '../domain/run/protocol.ts';
import type { UnixSeconds } from '../domain/time.ts';
import type { PodInspection } from '../platform/run/database-pods.ts';
import type { RunnerResult } from '../platform/run/runner.ts';

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
  /** First round of this activation: timers are looked after. */
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
  /** All PgBackups of the StatefulSet; read when a finished one is to be told, or one was deleted. */
  readonly history?: readonly PgBackup[] | undefined;
  /** Read when there is nothing started yet (or nothing at all) to look at. */
  readonly location?: Location | undefined;
  /** The one place that was looked into, and what it said. */
  readonly podInspection?: PodInspection | undefined;
  /** Read when the running one needs proof and there was time for it. */
  readonly catalogue?: RunnerResult<CatalogueAnswer> | undefined;
}
