import type { Kube, Selection } from './kube.ts';

/** All items of a narrowed collection, page by page. For collections that a selector keeps small. */
export async function listAll(kube: Kube, path: string, selection: Selection): Promise<unknown[]> {
  const items: unknown[] = [];
  let next: string | undefined;
  do {
    const page = await kube.list(path, { ...selection, continue: next });
    items.push(...page.items);
    next = page.continue;
  } while (next !== undefined);
  return items;
}
