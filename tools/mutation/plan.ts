/** Which tests could notice a mutant: those that reach it, cheap ones first. */
import type { Reach, Trial } from './worker.ts';

export interface Plan {
  readonly trials: readonly Trial[];
  /** CPU seconds that these tests take without any mutant. */
  readonly seconds: number;
  /** How often they reach it. */
  readonly hits: number;
}

interface Share extends Omit<Plan, 'trials'> {
  readonly trial: Trial;
}

/** No trials: no test reaches it. */
export function planFor(mutant: string, reaches: ReadonlyMap<string, Reach>): Plan {
  const shares = [...reaches]
    .flatMap(([module, reach]) => shareOf(module, reach, mutant) ?? [])
    .toSorted((a, b) => a.seconds - b.seconds);
  return {
    trials: shares.map(({ trial }) => trial),
    seconds: sum(shares.map(({ seconds }) => seconds)),
    hits: sum(shares.map(({ hits }) => hits)),
  };
}

/** What a module does while it is loaded may change each of its tests. */
function shareOf(module: string, { loading, tests }: Reach, mutant: string): Share | undefined {
  const anew = loading[mutant] !== undefined;
  const reaching = [...tests.entries()]
    .filter(([, { hits }]) => anew || hits[mutant] !== undefined)
    .toSorted(([, a], [, b]) => a.seconds - b.seconds);
  if (reaching.length === 0) return undefined;
  return {
    trial: { module, anew, tests: reaching.map(([at]) => at) },
    seconds: sum(reaching.map(([, { seconds }]) => seconds)),
    hits: sum([loading[mutant] ?? 0, ...reaching.map(([, { hits }]) => hits[mutant] ?? 0)]),
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
