import type { Log } from '../log.ts';
import type { Kube, Selection } from './client.ts';

/** All items of a narrowed collection. For collections that a selector keeps small. */
export async function listAll(kube: Kube, path: string, selection: Selection): Promise<unknown[]> {
  const items: unknown[] = [];
  for await (const page of listPages(kube, path, selection)) items.push(...page);
  return items;
}

/** Page by page, for what is not to be in memory all at once. */
export async function* listPages(
  kube: Kube,
  path: string,
  selection: Selection,
): AsyncGenerator<readonly unknown[], void, undefined> {
  let next: string | undefined;
  do {
    const page = await kube.list(path, { ...selection, continue: next });
    yield page.items;
    next = page.continue;
  } while (next !== undefined);
}

/** Logs an object that does not parse, which is then left out. */
export function logSkipped(log: Log): (item: unknown, why: string) => void {
  return (item, why) =>
    log.warn('Object skipped: it is not as its schema says', { object: (item as { metadata?: object }).metadata, why });
}
