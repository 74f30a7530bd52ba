/** What the schedule function decides from. */
import type { PgBackup } from '../domain/resources/pg-backup.ts';
import type { PgManager } from '../domain/resources/pg-manager.ts';
import type { UnixSeconds } from '../domain/time.ts';

/** What is true of one manager, read within one round. */
export interface Observation {
  /** API server's clock. */
  readonly now: UnixSeconds;
  readonly manager: PgManager;
  /** The slot timer woke us: it is there. Whether it is as it should be is the sweep's to see. */
  readonly ticked: boolean;
  /** All managers of the namespace with the same selector, this one among them; only read when a slot is due. */
  readonly sameSelector: readonly PgManager[];
  /** Who has the name of the slot that could run now; only read when its creation has met a conflict. */
  readonly slotBackup?: PgBackup | undefined;
  /** Names of this manager's own PgBackups; only read when slots are about to be recorded as missed. */
  readonly ownBackups: ReadonlySet<string>;
}
