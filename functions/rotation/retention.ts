/**
 * The cut: from which stored backup on everything stays. Chosen by us and given to wal-g by name (`delete before
 * FIND_FULL <cut>`), because wal-g's own counting (`retain n`) would count backups that cannot be restored.
 */
import type { CatalogueEntry } from '../domain/catalogue/catalogue.ts';
import { isOnHistory } from '../domain/catalogue/timeline-history.ts';
import { chainOf } from '../domain/catalogue/chain.ts';
import { isBefore, newestFirst } from '../domain/catalogue/order.ts';
import { ownershipOf } from './ownership.ts';
import { catalogueChecks, firstRefusal, planChecks } from './refusals.ts';
import type { Plan, StoredBackups } from './stored-backups.ts';

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
