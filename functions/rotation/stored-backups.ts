/** What a retention is planned from, and the plan. No side effects. */
import type { CatalogueEntry } from '../domain/catalogue/catalogue.ts';
import type { TimelineHistory } from '../domain/catalogue/timeline-history.ts';
import type { Installation } from './ownership.ts';

/** Why nothing may be deleted. */
export type Refusal =
  | 'SeveralDatabases'
  | 'OtherOwner'
  | 'NameOrder'
  | 'NewerWouldGo'
  | 'NotOurs'
  | 'ScheduleConflict'
  | 'NamespaceUnknown';

/** What is stored, whose it is, and how much of it is to stay. */
export interface StoredBackups extends Installation {
  /** Of the database that asks, decimal text. */
  readonly systemIdentifier: string;
  readonly entries: readonly CatalogueEntry[];
  /** UID → name of the stored backup, of this StatefulSet's PgBackups in `success`. */
  readonly proven: ReadonlyMap<string, string | undefined>;
  /** UIDs of this StatefulSet's PgBackups in `error`. */
  readonly failed: ReadonlySet<string>;
  /** Of the database that asks. */
  readonly history: TimelineHistory;
  /** How many proven backups stay, at least 1. */
  readonly retain: number;
  /** Backups that are not ours may go as well. */
  readonly adopt: boolean;
  /** UIDs of the Namespaces whose installations have been taken over: their backups may go as well. */
  readonly adoptFrom: readonly string[];
}

/** What is to be done with a catalogue. `permanent` are permanent backups that sort before the cutoff: wal-g keeps them. */
export type Plan =
  | { readonly verdict: 'refused'; readonly reason: Refusal; readonly message: string }
  | { readonly verdict: 'keep'; readonly permanent: readonly CatalogueEntry[] }
  | {
      readonly verdict: 'delete';
      /** A full backup: it and everything from it on stays. */
      readonly cutoff: CatalogueEntry;
      /** Everything that goes. */
      readonly toDelete: readonly CatalogueEntry[];
      /** Proven backups before the deletion, newest first. */
      readonly proven: readonly CatalogueEntry[];
      readonly permanent: readonly CatalogueEntry[];
    };
