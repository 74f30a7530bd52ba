/** Field and label selectors: `a=b,c!=d`; a field that is not there is the empty text. */
import type { Selection } from '../../functions/platform/kubernetes/client.ts';

type Matcher = (object: object) => boolean;

const known = new Map<string, Matcher>();

/** Whether an object is in the selection. Selectors are few and come often, so they are read once. */
export function createSelector({ fieldSelector = '', labelSelector = '' }: Selection): Matcher {
  const key = `${fieldSelector} ${labelSelector}`;
  let matcher = known.get(key);
  if (matcher === undefined) {
    const terms = [
      ...termsOf(fieldSelector, (field) => field.split('.')),
      ...termsOf(labelSelector, (label) => ['metadata', 'labels', label]),
    ];
    matcher = (object) => terms.every((term) => term(object));
    if (known.size < 1000) known.set(key, matcher);
  }
  return matcher;
}

function termsOf(selector: string, keysOf: (name: string) => readonly string[]): Matcher[] {
  return selector
    .split(',')
    .filter((term) => term !== '')
    .map((term) => {
      const [, name = '', not = '', wanted = ''] = /^([^!=]+)(!?)=(.*)$/.exec(term) ?? [];
      const keys = keysOf(name);
      return (object) => (valueAt(object, keys) === wanted) === (not === '');
    });
}

function valueAt(object: object, keys: readonly string[]): unknown {
  let value: unknown = object;
  for (const key of keys) value = (value as Record<string, unknown> | undefined)?.[key];
  return value ?? '';
}
