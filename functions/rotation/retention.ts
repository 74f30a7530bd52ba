/**
 * The cut: from which stored backup on everything stays. Chosen by us and given to wal-g by name (`delete before
 * FIND_FULL <cut>`), because wal-g's own counting (`retain n`) would count backups that cannot be restored.
 */
import type { CatalogueEntry } from '../domain/run/catalogue.ts';
import { isOnHistory, type TimelineHistory } from '../domain/run/timeline-history.ts';
import { chainOf } from '../domain/run/chain.ts';
import { isBefore, newestFirst } from '../domain/run/order.ts';
import { ownershipOf, type Installation } from './ownership.ts';
import { catalogueChecks, firstRefusal, planChecks, type Refusal } from './refusals.ts';

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

/** No side effects. The checks of the catalogue come first: they hold even while there is nothing to delete yet. */
export function planRetention(stored: StoredBackups): Plan {
  const proven = provenEntries(stored);
  const cut = findCutoff(stored, proven);
  const kept = proven.filter(({ name }) => cut === undefined || !isBefore(name, cut.name));
  const catalogueRefusal = firstRefusal(catalogueChecks, { stored, proven, kept });
  if (catalogueRefusal !== undefined) return catalogueRefusal;
  if (cut === undefined) return { verdict: 'keep', permanent: [] };
  const toDelete = deletedBefore(stored.entries, cut.name);
  const permanent = permanentBefore(stored.entries, cut.name);
  if (toDelete.length === 0) return { verdict: 'keep', permanent };
  return (
    firstRefusal(planChecks, { stored, proven, kept, toDelete }) ?? {
      verdict: 'delete',
      cutoff: cut,
      toDelete,
      proven,
      permanent,
    }
  );
}

/** What `delete before` this full backup removes: everything that sorts before it, but for permanent backups. */
export function deletedBefore(entries: readonly CatalogueEntry[], cut: string): CatalogueEntry[] {
  return entries.filter((entry) => !entry.permanent && isBefore(entry.name, cut));
}

/** What it leaves although it sorts before: permanent backups. */
export function permanentBefore(entries: readonly CatalogueEntry[], cut: string): CatalogueEntry[] {
  return entries.filter((entry) => entry.permanent && isBefore(entry.name, cut));
}

/**
 * The full backup at which the n-th newest proven backup begins, moved back until no kept backup loses what it rests on. A
 * backup of another history does not count: after a restore to a point in time, what the present history rests on stays.
 */
function findCutoff(stored: StoredBackups, proven: readonly CatalogueEntry[]): CatalogueEntry | undefined {
  const { entries, history, retain } = stored;
  const counted = proven.filter((entry) => isOnHistory(history, entry));
  const last = counted[Math.max(1, retain) - 1];
  if (last === undefined) return undefined;
  const chains = entries.map((entry) => ({ entry, chain: chainOf(entry, entries) ?? [entry] }));
  let cut = fullOf(last, entries);
  for (;;) {
    const at = cut.name;
    const goes = (entry: CatalogueEntry): boolean => !entry.permanent && isBefore(entry.name, at);
    const broken = chains.find(({ entry, chain }) => !goes(entry) && chain.some(goes));
    if (broken === undefined) return cut;
    cut = fullOf(broken.entry, entries);
  }
}

/** Newest first. A delta whose base is not stored cannot be restored: it does not count. */
function provenEntries(stored: StoredBackups): CatalogueEntry[] {
  return stored.entries
    .filter((entry) => isProven(stored, entry) && chainOf(entry, stored.entries) !== undefined)
    .toSorted(newestFirst);
}

function isProven(stored: StoredBackups, entry: CatalogueEntry): boolean {
  const { owner } = entry;
  if (owner === undefined || ownershipOf(stored, entry) !== 'ours' || !stored.proven.has(owner.uid)) return false;
  const name = stored.proven.get(owner.uid);
  return name === undefined || name === entry.name;
}

function fullOf(entry: CatalogueEntry, entries: readonly CatalogueEntry[]): CatalogueEntry {
  return chainOf(entry, entries)?.at(-1) ?? entry;
}
