/** Few numbers from many. */

/** By rank, between the two nearest values. */
export function quantile(values: readonly number[], at: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const rank = (sorted.length - 1) * at;
  const [low = Number.NaN, high = low] = [sorted[Math.floor(rank)], sorted[Math.ceil(rank)]];
  return low + (high - low) * (rank - Math.floor(rank));
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Median of the ratios of pairs, which stays when the machine as a whole gets slower and faster. */
export function pairedRatio(values: readonly number[], others: readonly number[]): number {
  return median(values.map((value, at) => value / (others[at] ?? Number.NaN)));
}

/** So many significant digits, for a table. */
export function rounded(value: number, digits = 3): number {
  return Number(value.toPrecision(digits));
}
