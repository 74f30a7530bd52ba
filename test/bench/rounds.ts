/** Comparisons: every variant in every round, so that what happens to the machine happens to all of them. */

export interface Rounds {
  readonly rounds: number;
  /** Rounds before those that count. */
  readonly warmUps?: number;
}

/** Samples of each variant, one a round; within a round in random order, so that none always comes after the same other. */
export async function compare<V, S>(
  variants: readonly V[],
  { rounds, warmUps = 0 }: Rounds,
  sample: (variant: V) => Promise<S>,
): Promise<Map<V, S[]>> {
  const samples = new Map<V, S[]>(variants.map((variant) => [variant, []]));
  for (let round = -warmUps; round < rounds; round += 1) {
    for (const variant of shuffled(variants)) {
      const one = await sample(variant);
      if (round >= 0) samples.get(variant)?.push(one);
    }
  }
  return samples;
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, key: Math.random() }))
    .toSorted((a, b) => a.key - b.key)
    .map(({ item }) => item);
}
