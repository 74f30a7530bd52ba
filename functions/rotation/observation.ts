/** What a decision about the rotation of one PgManager is based on. */
import type { Location } from '../domain/run/location.ts';
import type { CatalogueAnswer } from '../domain/run/protocol.ts';
import type { PgBackup } from '../domain/resources/pg-backup.ts';
import type { PgManager } from '../domain/resources/pg-manager.ts';
import type { NamespaceIdentity } from '../domain/resources/namespace.ts';
import type { UnixSeconds } from '../domain/time.ts';
import type { PodInspection, RunnerResult } from '../domain/run/observed-run.ts';

/**
 * Lifecycle of the rotation that serves one successful backup:
 *
 *   due ─▶ running (planned, executor pinned, start sent) ─▶ ended ─▶ announced
 *    │        │                                               ▲
 *    │        └─ catalogue changed, start lost: due again     │
 *    └─ nothing to delete, refused, dry run, cannot begin ────┘
 *   After a failure it is due again; after ten failures it waits for the next success.
 */
export interface Observation {
  /** API server's clock. */
  readonly now: UnixSeconds;
  /** First round of this activation, which ensures the timer. */
  readonly firstRound: boolean;
  /** The rotation timer woke us. */
  readonly ticked: boolean;
  /** There is time left to wait within this activation. */
  readonly patient: boolean;
  readonly manager: PgManager;
  /** Live PgManagers with the same selector, this one among them; only this one when nothing is due. */
  readonly managers: readonly PgManager[];
  /** All PgBackups of the StatefulSet; not read when nothing is due and while the run is alive. */
  readonly backups: readonly PgBackup[];
  /** `managers` and `backups` have been read in this activation. */
  readonly complete: boolean;
  /** Read before a run is planned. */
  readonly location?: Location | undefined;
  /** The run's pod, or the one to start a run in, and what it said last. */
  readonly podInspection?: PodInspection | undefined;
  /** UID of the Namespace; read before a run is planned. */
  readonly namespaceIdentity?: NamespaceIdentity | undefined;
  /** Why the run's pod, which does not answer, will not answer any more. */
  readonly podLost?: string | undefined;
  /** Read to plan a run and to verify one, when there was time for it. */
  readonly catalogue?: RunnerResult<CatalogueAnswer> | undefined;
}
