/** Why nothing may be deleted from a catalogue, one check for each reason, in the order in which they are asked. No side effects. */
import type { CatalogueEntry } from '../domain/catalogue/catalogue.ts';
import { oneLine } from '../domain/text.ts';
import { rfc3339, type UnixSeconds } from '../domain/time.ts';
import { someNames } from './messages.ts';
import { newestFirst, position } from '../domain/catalogue/order.ts';
import { ownershipOf } from './ownership.ts';
import type { Plan, Refusal, StoredBackups } from './stored-backups.ts';

type Refused = Extract<Plan, { verdict: 'refused' }>;

interface Catalogue {
  readonly stored: StoredBackups;
  /** Proven backups, newest first. */
  readonly proven: readonly CatalogueEntry[];
  /** Those of them that stay. */
  readonly kept: readonly CatalogueEntry[];
}

interface Candidate extends Catalogue {
  readonly toDelete: readonly CatalogueEntry[];
}

export function firstRefusal<T>(
  checks: readonly ((subject: T) => Refused | undefined)[],
  subject: T,
): Refused | undefined {
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

export const catalogueChecks = [severalDatabases, otherOwner, nameOrder];
/** What adopting does not mend comes before what it mends. */
export const planChecks = [newerWouldGo, notOurs];

/** A prefix that was used again after initdb or pg_upgrade, or is shared. What cannot be read has no identifier. */
function severalDatabases({ stored: { entries, systemIdentifier } }: Catalogue): Refused | undefined {
  const others = entries.filter((entry) => entry.readable && entry.systemIdentifier !== systemIdentifier);
  if (others.length === 0) return undefined;
  const identifiers = [...new Set(others.map((entry) => entry.systemIdentifier ?? 'unknown'))].slice(0, 3).join(', ');
  return refused(
    'SeveralDatabases',
    `${others.length} of ${entries.length} stored backups are of another database (system identifier ${identifiers}; this one is ${systemIdentifier}). Use a storage prefix of its own for each database.`,
  );
}

/**
 * Another installation that stored a backup after we had begun to store ours: it may still write. A clone has the same
 * system identifier, and may have the same names, so that only the user data distinguishes it. What ended before we began
 * is the former life of this database; that is not ours, and may be adopted.
 */
function otherOwner({ stored, proven, kept }: Catalogue): Refused | undefined {
  const oldestKept = earliest(kept);
  const begun = Math.min(oldestKept, earliest(proven.filter(({ permanent }) => !permanent)));
  const others = stored.entries.filter(
    (entry) => ownershipOf(stored, entry) === 'other' && !isTakenOver(stored, entry),
  );
  // An installation that names no cluster cannot be taken over by its UID. What is older than all that we keep is its past.
  const isEvidence = ({ owner, finishedAt }: CatalogueEntry): boolean =>
    finishedAt > (owner?.cluster === undefined ? oldestKept : begun);
  const evidence = others.filter(isEvidence);
  if (evidence.length === 0) return undefined;
  return refused(
    'OtherOwner',
    `${others.length} of ${stored.entries.length} stored backups are of another installation (${makersOf(stored, evidence)}, newest ${rfc3339(latest(others))}). ${mendOf(evidence)}`,
  );
}

function mendOf(evidence: readonly CatalogueEntry[]): string {
  const prefixes = 'Give each a storage prefix of its own';
  return evidence.some(({ owner }) => owner?.cluster !== undefined)
    ? `${prefixes}, or take them over: spec.rotation.adoptFrom.`
    : `${prefixes}.`;
}

/** The first three, each once: the UID to take over, and names where they differ from ours. */
function makersOf({ namespace, statefulSet }: StoredBackups, entries: readonly CatalogueEntry[]): string {
  const makers = entries.map(({ owner }) => {
    const isNamesake = owner?.namespace === namespace && owner.statefulSet === statefulSet;
    const names = isNamesake ? [] : [`StatefulSet ${owner?.statefulSet} in namespace ${owner?.namespace}`];
    return [...names, ...(owner?.cluster === undefined ? [] : [`namespace UID ${owner.cluster}`])].join(', ');
  });
  return [...new Set(makers)].slice(0, 3).join('; ');
}

function isTakenOver({ adoptFrom }: StoredBackups, { owner }: CatalogueEntry): boolean {
  return owner?.cluster !== undefined && adoptFrom.includes(owner.cluster);
}

/** wal-g deletes by name; when names do not follow time, that would remove the newest. */
function nameOrder({ stored: { entries } }: Catalogue): Refused | undefined {
  const sorted = entries.filter(({ name }) => position(name) !== undefined).toSorted(newestFirst);
  const newestTime = latest(sorted);
  const byTime = sorted.find(({ finishedAt }) => finishedAt === newestTime);
  const byName = sorted[0];
  if (byTime === undefined || byName === undefined || byName.finishedAt === newestTime) return undefined;
  return refused(
    'NameOrder',
    `the newest stored backup by time (${byTime.name}) is not the newest by name (${byName.name}), and wal-g deletes by name. Was the storage prefix used before an upgrade or a restore? Move the older backups to another prefix.`,
  );
}

/**
 * Nothing that ended after the oldest proven backup that stays is ever deleted, whoever made it and whatever was adopted.
 * A run of ours that failed is the exception: it stands for nothing.
 */
function newerWouldGo({ stored, kept, toDelete }: Candidate): Refused | undefined {
  const oldestKept = earliest(kept);
  const newer = toDelete.find((entry) => !hasFailed(stored, entry) && endOf(entry) > oldestKept);
  if (newer === undefined) return undefined;
  const mend =
    ownershipOf(stored, newer) === 'ours'
      ? 'names do not follow time. Move the older backups to another storage prefix.'
      : 'it is not ours, and whoever made it may still do so. Give each a storage prefix of its own.';
  return refused(
    'NewerWouldGo',
    `${newer.name} would be deleted although it is newer than a backup that would stay: ${mend}`,
  );
}

function hasFailed(stored: StoredBackups, entry: CatalogueEntry): boolean {
  return ownershipOf(stored, entry) === 'ours' && entry.owner !== undefined && stored.failed.has(entry.owner.uid);
}

/** One that says nothing of its end may be the newest. */
function endOf({ finishedAt }: CatalogueEntry): UnixSeconds {
  return finishedAt > 0 ? finishedAt : Number.POSITIVE_INFINITY;
}

/** What is not ours goes only when somebody has said so. */
function notOurs({ stored, kept, toDelete }: Candidate): Refused | undefined {
  const inTheWay = [...toDelete, ...perhapsDeleted(stored, kept)].filter((entry) => !mayGo(stored, entry));
  if (stored.adopt || inTheWay.length === 0) return undefined;
  const others = stored.entries.filter((entry) => !mayGo(stored, entry));
  return refused(
    'NotOurs',
    `${others.length} of ${stored.entries.length} stored backups are not ours (${describe(others, inTheWay)}). Set spec.rotation.adopt: true to include them; takes effect after the next successful backup.`,
  );
}

/** Where a name without a position sorts is not known: an old one may go. */
function perhapsDeleted({ entries }: StoredBackups, kept: readonly CatalogueEntry[]): CatalogueEntry[] {
  const oldestKept = earliest(kept);
  return entries.filter(({ name, finishedAt }) => position(name) === undefined && finishedAt < oldestKept);
}

/** `oldest 2020-03-01`, and the names of those in the way that cannot be read. */
function describe(others: readonly CatalogueEntry[], inTheWay: readonly CatalogueEntry[]): string {
  const times = others.map(({ finishedAt }) => finishedAt).filter((time) => time > 0);
  const unreadable = inTheWay.filter(({ readable }) => !readable).map(({ name }) => name || 'one without a name');
  return [
    ...(times.length === 0 ? [] : [`oldest ${rfc3339(Math.min(...times)).slice(0, 10)}`]),
    ...(unreadable.length === 0 ? [] : [`details of ${someNames(unreadable)} cannot be read`]),
  ].join('; ');
}

function mayGo(stored: StoredBackups, entry: CatalogueEntry): boolean {
  return ownershipOf(stored, entry) === 'ours' || (entry.readable && isTakenOver(stored, entry));
}

function earliest(entries: readonly CatalogueEntry[]): UnixSeconds {
  return Math.min(...entries.map(({ finishedAt }) => finishedAt));
}

function latest(entries: readonly CatalogueEntry[]): UnixSeconds {
  return Math.max(...entries.map(({ finishedAt }) => finishedAt));
}
