/** What a stored backup rests on: a delta is restored from its base, that from its own base, down to a full backup. No side effects. */
import type { CatalogueEntry } from './catalogue.ts';
import { isBefore, position } from './order.ts';
import { parsePreciseTime } from '../time.ts';

/** The backup and what it rests on, the full backup last; or the first link that is not there any more. */
export type Chain =
  | { readonly whole: true; readonly links: readonly CatalogueEntry[] }
  | {
      readonly whole: false;
      /** How the name of the missing link begins; or its name, when it was stored again since. */
      readonly missing: string;
      readonly why: 'notStored' | 'storedAgain';
    };

/** Follows the bases of a backup through the catalogue. */
export function followChain(entry: CatalogueEntry, entries: readonly CatalogueEntry[]): Chain {
  const links = [entry];
  for (let last = entry; ;) {
    const parent = parentPosition(last.name);
    if (parent === undefined) return { whole: true, links };
    const link = findLink(parent, last, entries);
    if (link === undefined) return { whole: false, missing: `base_${parent}`, why: 'notStored' };
    if (isStoredLater(link, last)) return { whole: false, missing: link.name, why: 'storedAgain' };
    links.push(link);
    last = link;
  }
}

/** The backup and what it rests on, down to its full; undefined when a link is not stored, or was stored again since. */
export function chainOf(
  entry: CatalogueEntry,
  entries: readonly CatalogueEntry[],
): readonly CatalogueEntry[] | undefined {
  const chain = followChain(entry, entries);
  return chain.whole ? chain.links : undefined;
}

/** A delta is newer than its base; anything else could go round in circles. */
function findLink(
  parent: string,
  delta: CatalogueEntry,
  entries: readonly CatalogueEntry[],
): CatalogueEntry | undefined {
  return entries.find(({ name }) => position(name) === parent && isBefore(name, delta.name));
}

/**
 * A database that was set back stores backups under names that were used before, and what rests on the former one is
 * lost. Both times are the storage's, because the clocks of two pods differ.
 */
function isStoredLater(base: CatalogueEntry, delta: CatalogueEntry): boolean {
  const [baseAt, deltaAt] = [parsePreciseTime(base.storedAt), parsePreciseTime(delta.storedAt)];
  return baseAt !== undefined && deltaAt !== undefined && baseAt > deltaAt;
}

/** `base_…0B_D_…09` rests on the backup that begins in segment `…09`. */
function parentPosition(name: string): string | undefined {
  return /^base_[0-9A-F]{24}_D_([0-9A-F]{24})/.exec(name)?.[1];
}
