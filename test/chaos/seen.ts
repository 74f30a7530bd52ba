/** What of a case can be seen from outside once it is quiet; invariants.ts judges it. */
import type { PgBackupStatus } from '../../functions/domain/resources/pg-backup.ts';
import type { PgManager } from '../../functions/domain/resources/pg-manager.ts';

/** A PgBackup from its creation on; it may be deleted by now. */
export interface BackupHistory {
  readonly uid: string;
  readonly name: string;
  /** RFC 3339, when a manager made it. */
  readonly slot: string | undefined;
  /** Each state that differed from the one before. */
  readonly states: readonly { readonly state: string | undefined; readonly finishTime: string | undefined }[];
  /** As last seen. */
  readonly status: PgBackupStatus;
  readonly deleted: boolean;
}

/** An entry of wal-g's catalogue. */
export interface StoredBackup {
  readonly name: string;
  /** UID of the run in its user data. */
  readonly uid: string | undefined;
  /** Segments from its start to its finish that are not stored. */
  readonly missingWal: readonly string[];
}

/** One start of wal-g that writes or deletes. */
export interface Call {
  readonly kind: string;
  /** `<run id>/<kind>`. */
  readonly run: string;
  /** Pid of another one that was alive then. */
  readonly overlaps: string | undefined;
}

/** A Kubernetes Event. */
export interface SeenKubernetesEvent {
  readonly uid: string;
  readonly type: string;
  readonly reason: string;
}

/** A CloudEvent that the Broker took: what its id stood for, each time that it came. */
export interface Announcement {
  readonly id: string;
  readonly type: string;
  readonly facts: readonly string[];
}

export interface Seen {
  readonly manager: PgManager;
  /** Slots that have passed, RFC 3339. */
  readonly slots: readonly string[];
  readonly backups: readonly BackupHistory[];
  readonly stored: readonly StoredBackup[];
  readonly calls: readonly Call[];
  /** Runs whose processes are alive. */
  readonly alive: readonly string[];
  readonly lockIsHeld: boolean;
  /** Names of PingSources beside the manager. */
  readonly timers: readonly string[];
  readonly events: readonly SeenKubernetesEvent[];
  readonly announced: readonly Announcement[];
  /** Every text that somebody could read: objects, Events, CloudEvents, logs. */
  readonly texts: string;
  /** A value that must not be in them. */
  readonly secret: string;
}
