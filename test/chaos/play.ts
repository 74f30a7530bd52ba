/** Plays one case: story, fault, what time brings, rest, judgement. */
import { setTimeout as pause } from 'node:timers/promises';
import { createRandom } from '../simulation/random.ts';
import { eventually } from '../support/eventually.ts';
import { titleOf, type Case } from './cases.ts';
import { faults, type FaultKind } from './faults.ts';
import { breaksOf } from './invariants.ts';
import { lookAt } from './look.ts';
import { moments } from './moments.ts';
import { untilQuiet } from './quiet.ts';
import { openStage, patience, type Stage, type Theatre } from './stage.ts';
import { stories } from './stories.ts';

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
export async function play(theatre: Theatre, one: Case, place: { namespace: string; seed: number }): Promise<Outcome> {
  const { namespace, seed } = place;
  try {
    const stage = await openStage(theatre, {
      namespace,
      function: one.function,
      slow: stories[one.function].slow,
      random: createRandom(seed, titleOf(one)),
    });
    const { seconds, seen } = await playOn(stage, one);
    const breaks = breaksOf(await lookAt(stage));
    const isExpected = one.expected.includes(seen);
    await stage.shop.kubectl('delete', 'namespace', namespace, '--wait=false');
    return { case: one, seen, seconds, breaks: isExpected ? breaks : [`ended as "${seen}"`, ...breaks] };
  } catch (error) {
    const { cause, message } = error as Error;
    return {
      case: one,
      seen: 'not played',
      seconds: 0,
      breaks: [`${message} ${cause instanceof Error ? cause.message : ''}`],
    };
  }
}

async function playOn(stage: Stage, one: Case): Promise<{ seen: string; seconds: number }> {
  const story = stories[one.function];
  const fault: FaultKind = faults[one.fault];
  await story.prepare(stage);

  const coming = one.moment === 'throughout' ? undefined : moments[one.moment](stage);
  let mend = coming === undefined ? await fault.strike(stage) : undefined;
  await story.begin(stage);
  await withinTime(coming, one.moment);
  const struck = performance.now();
  mend ??= await fault.strike(stage);
  if (fault.lasts !== 'to the end') {
    await pause(fault.lasts * 1000);
    await mend();
  }
  for (const tick of story.ticks) await eventually(`tick of ${tick}`, () => stage.shop.tick(tick).then(() => true));
  const seen = await untilQuiet(stage);
  const seconds = (performance.now() - struck) / 1000;
  if (fault.lasts === 'to the end') await mend();
  return { seen, seconds };
}

/** A moment that never comes is a mistake in the table. */
async function withinTime(coming: Promise<void> | undefined, moment: string): Promise<void> {
  const timer = new AbortController();
  const late = pause(patience * 1000, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`the moment never came: ${moment}`);
  });
  late.catch(() => undefined);
  await Promise.race([coming ?? Promise.resolve(), late]);
  timer.abort();
}
