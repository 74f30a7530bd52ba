/** Runs one case: scenario, fault, what time brings, rest, judgement. */
import { setTimeout as pause } from 'node:timers/promises';
import { createRandom } from '../simulation/random.ts';
import { eventually } from '../support/eventually.ts';
import { titleOf, type Case } from './cases.ts';
import { faults, type FaultKind, type Mend } from './faults.ts';
import { breaksOf } from './invariants.ts';
import { observe } from './observe.ts';
import { moments } from './moments.ts';
import { untilQuiet } from './quiet.ts';
import { openFixture, patience, type Fixture, type SharedFixture } from './fixture.ts';
import { scenarios } from './scenarios.ts';

/** How a case ended. */
export interface Outcome {
  readonly case: Case;
  readonly seen: string;
  /** From the fault to the final state. */
  readonly seconds: number;
  /** Broken invariants, and whatever else must not be. */
  readonly breaks: readonly string[];
}

/** Never throws: what goes wrong with the case itself is a break, too. */
export async function runCase(
  shared: SharedFixture,
  one: Case,
  place: { namespace: string; seed: number },
): Promise<Outcome> {
  const { namespace, seed } = place;
  try {
    const fixture = await openFixture(shared, {
      namespace,
      function: one.function,
      slow: scenarios[one.function].slow,
      random: createRandom(seed, titleOf(one)),
    });
    const { seconds, seen } = await runOn(fixture, one);
    const breaks = breaksOf(await eventually('a look at everything', () => observe(fixture), patience));
    const isExpected = one.expected.includes(seen);
    return { case: one, seen, seconds, breaks: isExpected ? breaks : [`ended as "${seen}"`, ...breaks] };
  } catch (error) {
    return { case: one, seen: 'not run', seconds: 0, breaks: [textOf(error)] };
  } finally {
    const remove = ['delete', 'namespace', namespace, '--wait=false', '--ignore-not-found'];
    // One that stays takes memory, nothing more.
    await shared.environment.kubectl(remove).catch(() => undefined);
  }
}

function textOf(error: unknown): string {
  const { cause, message } = error as Error;
  return cause instanceof Error ? `${message}: ${cause.message}` : message;
}

async function runOn(fixture: Fixture, one: Case): Promise<{ seen: string; seconds: number }> {
  const scenario = scenarios[one.function];
  await scenario.prepare(fixture);
  const striking = strike(fixture, one);
  // Whoever awaits it below is told; until then it may fail while the scenario begins.
  striking.catch(() => undefined);
  try {
    if (one.moment === 'throughout') await striking;
    await scenario.begin(fixture);
    const { mend, time } = await striking;
    await hold(faults[one.fault], mend);
    await scenario.afterwards(fixture);
    const seen = await untilQuiet(fixture);
    return { seen, seconds: (performance.now() - time) / 1000 };
  } finally {
    // However it went, nothing of the fault stays for the next case.
    await (await striking).mend();
  }
}

/** Strikes at the moment; gives when that was and the way to mend. */
async function strike(fixture: Fixture, { fault, moment }: Case): Promise<{ time: number; mend: Mend }> {
  await withinTime(moments[moment](fixture), moment);
  const time = performance.now();
  const kind: FaultKind = faults[fault];
  return { time, mend: once(await kind.strike(fixture)) };
}

async function hold({ lasts }: FaultKind, mend: Mend): Promise<void> {
  if (lasts === 'to the end') return;
  await pause(lasts * 1000);
  await mend();
}

function once(mend: Mend | void): Mend {
  let mended: Promise<void> | undefined;
  return () => (mended ??= Promise.resolve(mend?.()));
}

/** A moment that never comes is a mistake in the table. */
async function withinTime(coming: Promise<void>, moment: string): Promise<void> {
  const late = pause(patience * 1000, 'late' as const, { ref: false });
  if ((await Promise.race([coming, late])) === 'late') throw new Error(`the moment never came: ${moment}`);
}
