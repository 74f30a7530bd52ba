/** Which events a Trigger wants. Attributes only, never data. */
import type { Trigger, TriggerFilter } from '../core/objects.ts';

type Attributes = Readonly<Record<string, string>>;
type Comparison = (actual: string, wanted: string) => boolean;

/**
 * `filters`, when there are any, replace `filter`; both are an AND over their entries (eventing
 * `pkg/broker/filter/filter_handler.go`). A dialect that is not understood here never matches, like a broken expression.
 */
export function wants(spec: Trigger['spec'], attributes: Attributes): boolean {
  const filters = spec.filters ?? [];
  if (filters.length > 0) return filters.every((filter) => matches(filter, attributes));
  return every(spec.filter?.attributes ?? {}, attributes, (actual, wanted) => wanted === '' || actual === wanted);
}

function matches(filter: TriggerFilter, attributes: Attributes): boolean {
  if (filter.exact !== undefined) return every(filter.exact, attributes, (actual, wanted) => actual === wanted);
  if (filter.prefix !== undefined)
    return every(filter.prefix, attributes, (actual, wanted) => actual.startsWith(wanted));
  return filter.any?.some((one) => matches(one, attributes)) === true;
}

function every(wanted: Attributes, attributes: Attributes, compare: Comparison): boolean {
  return Object.entries(wanted).every(([name, value]) => {
    const actual = attributes[name];
    return actual !== undefined && compare(actual, value);
  });
}
