/** Seeded randomness: everything that happens by chance in a simulation comes from here. */

export interface Random {
  /** In [0, 1). */
  next(): number;
  /** Whole number in [low, high]. */
  between(low: number, high: number): number;
  /** True with this probability; draws nothing when it is 0, so that a fault that is switched off shifts no other. */
  chance(probability: number): boolean;
  pick<T>(items: readonly T[]): T;
}

/** One stream of numbers. The same seed and label give the same stream, whatever other streams do. */
export function createRandom(seed: number, label: string): Random {
  let state = hashOf(`${seed}/${label}`);
  /** mulberry32 */
  function next(): number {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }
  function between(low: number, high: number): number {
    return low + Math.floor(next() * (high - low + 1));
  }
  return {
    next,
    between,
    chance: (probability) => probability > 0 && next() < probability,
    pick: (items) => items[between(0, items.length - 1)]!,
  };
}

/** FNV-1a. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}
