/**
 * The cut: from which stored backup on everything stays. Chosen by us and given to wal-g by name (`delete before
 * FIND_FULL <cut>`), because wal-g's own counting (`retain n`) would count backups that cannot be restored.
 */
import type { CatalogueEntry } from '../domain/run/catalogue.ts';
import { oneLine } from '../domain/text.ts';
import { rfc3339 } from '../domain/time.ts';

/** What is stored, whose it is, and how much of it is to stay. */
export interface StoredBackups {
  readonly namespace: string;
  readonly statefulSet: string;
  /** Of the database that asks, decimal text. */
  readonly systemIdentifier: string;
  readonly entries: readonly CatalogueEntry[];
  /** UID → name of the stored backup, of this StatefulSet's PgBackups in `success`. */
  readonly proven: ReadonlyMap<string, string | undefined>;
  /** How many proven backups stay, at least 1. */
  readonly retain: number;
  /** Backups that are not ours may go as well. */
  readonly adopt: boolean;
}

/** Why nothing may be deleted from a catalogue like this. */
export type Refusal = 'SeveralDatabases' | 'OtherOwner' | 'NameOrder' | 'NotOurs' | 'NewerWouldGo' | 'ScheduleConflict';

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
      readonly permanent: readonly CatalogueEntry[];
    };

/** No side effects. The checks of the catalogue come first: they hold even while there is nothing to delete yet. */
export function planRetention(stored: StoredBackups): Plan {
  const catalogueRefusal = firstRefusal(catalogueChecks, stored);
  if (catalogueRefusal !== undefined) return catalogueRefusal;
  const cut = findCutoff(stored);
  if (cut === undefined) return { verdict: 'keep', permanent: [] };
  const toDelete = deletedBefore(stored.entries, cut.name);
  const permanent = permanentBefore(stored.entries, cut.name);
  if (toDelete.length === 0) return { verdict: 'keep', permanent };
  return (
    firstRefusal(planChecks, { stored: stored, toDelete }) ?? { verdict: 'delete', cutoff: cut, toDelete, permanent }
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

/** Ours: the user data names this namespace and StatefulSet, whatever became of its PgBackup. */
export function isOurs(stored: Pick<StoredBackups, 'namespace' | 'statefulSet'>, { owner }: CatalogueEntry): boolean {
  return owner?.namespace === stored.namespace && owner.statefulSet === stored.statefulSet;
}

/** wal-g sorts by timeline and segment, the first 24 digits of a name; what follows (`_D_…`) does not count. */
function isBefore(name: string, other: string): boolean {
  return position(name) < position(other);
}

function newestFirst(left: CatalogueEntry, right: CatalogueEntry): number {
  return Number(isBefore(left.name, right.name)) - Number(isBefore(right.name, left.name));
}

function position(name: string): string {
  return name.slice('base_'.length, 'base_'.length + 24);
}

/** The full backup at which the n-th newest proven backup begins, moved back until no kept backup loses what it rests on. */
function findCutoff(stored: StoredBackups): CatalogueEntry | undefined {
  const { entries, retain } = stored;
  const last = provenEntries(stored)[Math.max(1, retain) - 1];
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
  if (owner === undefined || !isOurs(stored, entry) || !stored.proven.has(owner.uid)) return false;
  const name = stored.proven.get(owner.uid);
  return name === undefined || name === entry.name;
}

function fullOf(entry: CatalogueEntry, entries: readonly CatalogueEntry[]): CatalogueEntry {
  return chainOf(entry, entries)?.at(-1) ?? entry;
}

/** The backup and what it rests on, down to its full; undefined when a link is not stored. */
function chainOf(entry: CatalogueEntry, entries: readonly CatalogueEntry[]): CatalogueEntry[] | undefined {
  const chain = [entry];
  for (let last = entry; ;) {
    const parent = parentPosition(last.name);
    if (parent === undefined) return chain;
    // A delta is newer than its base; anything else could go round in circles.
    const link = entries.find(({ name }) => position(name) === parent && isBefore(name, last.name));
    if (link === undefined) return undefined;
    chain.push(link);
    last = link;
  }
}

/** `base_…0B_D_…09` rests on the backup that begins in segment `…09`. */
function parentPosition(name: string): string | undefined {
  return /^base_[0-9A-F]{24}_D_([0-9A-F]{24})/.exec(name)?.[1];
}

type Refused = Extract<Plan, { verdict: 'refused' }>;

function firstRefusal<T>(checks: readonly ((subject: T) => Refused | undefined)[], subject: T): Refused | undefined {
  for (const check of checks) {
    const refusal = check(subject);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

function refused(reason: Refusal, text: string): Refused {
  return { verdict: 'refused', reason, message: refusalMessage(text) };
}

/** `refused: …`, one line. */
export function refusalMessage(text: string): string {
  return oneLine(`refused: ${text}`);
}

const catalogueChecks = [severalDatabases, otherOwner, nameOrder];
const planChecks = [notOurs, newerWouldGo];

/** A prefix that was used again after initdb or pg_upgrade, or is shared. */
function severalDatabases({ entries, systemIdentifier }: StoredBackups): Refused | undefined {
  const others = entries.filter((entry) => entry.systemIdentifier !== systemIdentifier);
  if (others.length === 0) return undefined;
  const identifiers = [...new Set(others.map((entry) => entry.systemIdentifier ?? 'unknown'))].slice(0, 3).join(', ');
  return refused(
    'SeveralDatabases',
    `${others.length} of ${entries.length} stored backups are of another database (system identifier ${identifiers}; this one is ${systemIdentifier}). Use a storage prefix of its own for each database.`,
  );
}

/** A clone has the same system identifier: only the user data distinguishes it. */
function otherOwner(stored: StoredBackups): Refused | undefined {
  const { entries } = stored;
  const others = entries.filter((entry) => entry.owner !== undefined && !isOurs(stored, entry));
  const owner = others[0]?.owner;
  if (owner === undefined) return undefined;
  return refused(
    'OtherOwner',
    `${others.length} of ${entries.length} stored backups belong to StatefulSet ${owner.statefulSet} in namespace ${owner.namespace}. Use a storage prefix of its own for each database.`,
  );
}

/** wal-g deletes by name; when names do not follow time, that would remove the newest. */
function nameOrder({ entries }: StoredBackups): Refused | undefined {
  const newestTime = Math.max(...entries.map(({ finishedAt }) => finishedAt));
  const byTime = entries.find(({ finishedAt }) => finishedAt === newestTime);
  const byName = entries.toSorted(newestFirst)[0];
  if (byTime === undefined || byName === undefined || byName.finishedAt === newestTime) return undefined;
  return refused(
    'NameOrder',
    `the newest stored backup by time (${byTime.name}) is not the newest by name (${byName.name}), and wal-g deletes by name. Was the storage prefix used before an upgrade or a restore? Move the older backups to another prefix.`,
  );
}

interface Candidate {
  readonly stored: StoredBackups;
  readonly toDelete: readonly CatalogueEntry[];
}

function notOurs({ stored: stored, toDelete }: Candidate): Refused | undefined {
  if (stored.adopt || toDelete.every((entry) => isOurs(stored, entry))) return undefined;
  const others = stored.entries.filter((entry) => !isOurs(stored, entry));
  const oldest = rfc3339(Math.min(...others.map(({ finishedAt }) => finishedAt))).slice(0, 10);
  return refused(
    'NotOurs',
    `${others.length} of ${stored.entries.length} stored backups are not ours (oldest ${oldest}). Set spec.rotation.adopt: true to include them; takes effect after the next successful backup.`,
  );
}

/** The newest by name and by time may be the same and the order below it still differ. */
function newerWouldGo({ stored: stored, toDelete }: Candidate): Refused | undefined {
  const deletedNames = new Set(toDelete.map(({ name }) => name));
  const proven = provenEntries(stored);
  const oldestKept = Math.min(
    ...proven.filter(({ name }) => !deletedNames.has(name)).map(({ finishedAt }) => finishedAt),
  );
  const newer = proven.find(({ name, finishedAt }) => deletedNames.has(name) && finishedAt > oldestKept);
  if (newer === undefined) return undefined;
  return refused(
    'NewerWouldGo',
    `${newer.name} would be deleted although it is newer than a backup that would stay: names do not follow time. Move the older backups to another storage prefix.`,
  );
}
