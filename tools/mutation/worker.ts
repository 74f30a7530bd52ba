/** Runs collected tests: all of a module without any mutant, to see what each reaches, or those that could notice a mutant. */
import { parentPort } from 'node:worker_threads';
import fc from 'fast-check';
import type { Body } from './collect.ts';

/** What one test, or the mere loading of its module, reaches: how often, by mutant. */
export type Hits = Readonly<Record<string, number>>;

export interface Reach {
  /** Reached while the module is loaded: a mutant there needs the module loaded anew. */
  readonly loading: Hits;
  readonly tests: readonly { readonly hits: Hits; /** CPU. */ readonly seconds: number }[];
}

export interface Trial {
  readonly module: string;
  readonly anew: boolean;
  /** By position, in this order. */
  readonly tests: readonly number[];
}

export type Order =
  | { readonly kind: 'reach'; readonly module: string }
  | { readonly kind: 'try'; readonly mutant: string; readonly hitLimit: number; readonly trials: readonly Trial[] };

export type Answer = Reach | { readonly survived: boolean };

/** Where the instrumented code looks for what is switched on, and counts. */
interface Switchboard {
  activeMutant?: string | undefined;
  currentTestId?: string | undefined;
  /** An endless loop that the active mutant makes ends by an error. */
  hitCount?: number | undefined;
  hitLimit?: number;
  mutantCoverage?: { readonly static: Hits; readonly perTest: Readonly<Record<string, Hits>> };
}

const board: Switchboard = {};
Object.assign(globalThis, { __stryker__: board });

// The same examples for every mutant, and none is made smaller: that it fails is enough.
fc.configureGlobal({ seed: 1, endOnFailure: true });

parentPort?.on('message', (order: Order) => {
  void (order.kind === 'reach' ? reach(order.module) : attempt(order)).then((answer) =>
    parentPort?.postMessage(answer),
  );
});

async function reach(module: string): Promise<Answer> {
  const covered = { static: {}, perTest: {} as Record<string, Hits> };
  Object.assign(board, { mutantCoverage: covered, activeMutant: undefined, hitCount: undefined });
  const bodies = await load(module);
  const tests: { hits: Hits; seconds: number }[] = [];
  for (const [at, body] of bodies.entries()) {
    board.currentTestId = `${at}.`;
    const begun = process.threadCpuUsage();
    await body();
    const { user, system } = process.threadCpuUsage(begun);
    tests.push({ hits: covered.perTest[`${at}.`] ?? {}, seconds: (user + system) / 1e6 });
  }
  board.currentTestId = undefined;
  return { loading: covered.static, tests };
}

async function attempt({ mutant, hitLimit, trials }: Extract<Order, { kind: 'try' }>): Promise<Answer> {
  try {
    for (const { module, anew, tests } of trials) {
      Object.assign(board, { activeMutant: undefined, hitCount: undefined });
      const before = anew ? undefined : await load(module);
      Object.assign(board, { activeMutant: mutant, hitCount: 0, hitLimit });
      const bodies = before ?? (await load(`${module}?${mutant}`));
      for (const at of tests) await bodies[at]?.();
    }
    return { survived: true };
  } catch {
    return { survived: false };
  } finally {
    board.activeMutant = undefined;
  }
}

async function load(module: string): Promise<readonly Body[]> {
  return ((await import(module)) as { collected: readonly Body[] }).collected;
}
