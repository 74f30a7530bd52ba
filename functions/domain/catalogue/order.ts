/** The order in which wal-g deletes. No side effects. */

/**
 * wal-g sorts by timeline and segment, the first 24 digits in a name; what follows (`_D_…`) does not count. A name without
 * them has no place in this order.
 */
export function isBefore(name: string, other: string): boolean {
  const [one, another] = [position(name), position(other)];
  return one !== undefined && another !== undefined && one < another;
}

interface Named {
  readonly name: string;
}

export function newestFirst(left: Named, right: Named): number {
  return Number(isBefore(left.name, right.name)) - Number(isBefore(right.name, left.name));
}

/** Timeline and segment of its start; undefined for a name that has none. */
export function position(name: string): string | undefined {
  return /[0-9A-F]{24}/.exec(name)?.[0];
}
