/** What a person reads about a rotation: one line each. No side effects. */
import type { CatalogueEntry } from '../domain/catalogue/catalogue.ts';
import { maxAttempts } from './condition.ts';
import { oneLine } from '../domain/text.ts';
import { rfc3339 } from '../domain/time.ts';

/** How many names a message lists. */
const namesShown = 5;

/** `30 stored, 1 deleted (base_…03); oldest 2021-12-04T06:00:00Z`. */
export function storedMessage(
  entries: readonly CatalogueEntry[],
  deleted: readonly string[],
  permanent: readonly CatalogueEntry[],
): string {
  const which = deleted.length === 0 ? '' : ` (${someNames(deleted)})`;
  return oneLine(
    `${entries.length} stored, ${deleted.length} deleted${which}${oldestOf(entries)}${permanentText(permanent)}`,
  );
}

/** `would delete 1: base_…03`. */
export function dryRunMessage(toDelete: readonly CatalogueEntry[], permanent: readonly CatalogueEntry[]): string {
  const names = toDelete.map(({ name }) => name);
  return oneLine(
    `${names.length === 0 ? 'would delete nothing' : `would delete ${names.length}: ${someNames(names)}`}${permanentText(permanent)}`,
  );
}

/** `failed: <fact>. Attempt 1 of 10; …`: what happens next is said, no duration that grows. */
export function failureMessage(fact: string, attempt: number, log: string): string {
  const next =
    attempt >= maxAttempts ? 'the next successful backup tries again' : 'it is tried again within half an hour';
  const sentence = oneLine(fact).slice(0, 600);
  const end = /[.?]$/.test(sentence) ? '' : '.';
  return oneLine(`failed: ${sentence}${end} Attempt ${attempt} of ${maxAttempts}; ${next}. ${log}`);
}

function oldestOf(entries: readonly CatalogueEntry[]): string {
  const times = entries.map(({ finishedAt }) => finishedAt).filter((time) => time > 0);
  return times.length === 0 ? '' : `; oldest ${rfc3339(Math.min(...times))}`;
}

function permanentText(permanent: readonly CatalogueEntry[]): string {
  return permanent.length === 0 ? '' : `; permanent, so kept: ${someNames(permanent.map(({ name }) => name))}`;
}

/** A few names and how many more there are. */
export function someNames(names: readonly string[]): string {
  const more = names.length - namesShown;
  return more <= 0 ? names.join(', ') : `${names.slice(0, namesShown).join(', ')} and ${more} more`;
}
