/** Gather → decide → apply until nothing is left to do now: the loop that every function runs. */
import type { Decision } from '../../domain/commands/command.ts';
import { apply, type Applied, type Effects, type Writes } from './apply.ts';
import type { Clock } from '../clock.ts';

/** `done` answers 204. `retry` answers 503: the sender tries again with backoff. */
export interface Outcome {
  readonly outcome: 'done' | 'retry';
  readonly reason: string;
  readonly message: string;
}

/**
 * The round before, as the next one may go on from it: what it saw, and what its writes made of it. What others have
 * written since is met as a conflict, and after a conflict everything is read anew.
 */
export interface PreviousRound<O> extends Writes {
  readonly observation: O;
}

/** One round's three steps. `elapsed` is the age of this activation in milliseconds. */
export interface Steps<O> {
  /** Reads what is true; undefined when there is nothing to reconcile. `previous` is absent in the first round and after a conflict. */
  gather(elapsed: number, previous?: PreviousRound<O>): Promise<O | undefined>;
  /** Pure. */
  decide(observation: O): Decision;
  apply(decision: Decision): Promise<Applied>;
}

/** A decision that waits is polled each second, this long, so that a short run ends within its activation. */
const waitBudgetMs = 10_000;
const pollSeconds = 1;

/** No round begins later than this: the Trigger's timeout is 60 s and one exec may take 20 s. */
const lastRoundMs = 35_000;

const maxConflicts = 3;

/** A decision that asks for more after so many rounds is not satisfied by its own writes: it must not write in a loop. */
const maxRounds = 50;

const outOfTime: Outcome = {
  outcome: 'retry',
  reason: 'OutOfTime',
  message: 'more to do than fits in one activation',
};
const nothingThere: Outcome = { outcome: 'done', reason: 'NothingThere', message: 'nothing to reconcile' };
const conflicting: Outcome = { outcome: 'retry', reason: 'Conflict', message: 'others keep writing the same object' };

/** Ends with what the last decision said; `retry` after three conflicts in a row, or when time is up with work left. */
export async function runRounds<O>(steps: Steps<O>, clock: Clock): Promise<Outcome> {
  const begin = clock.monotonic();
  const elapsed = (): number => clock.monotonic() - begin;
  let conflicts = 0;
  let undelivered = false;
  let previous: PreviousRound<O> | undefined;
  for (let round = 0; mayBegin(round, elapsed()); round += 1) {
    const observation = await steps.gather(elapsed(), previous);
    if (observation === undefined) return nothingThere;
    const decision = steps.decide(observation);
    const applied = await steps.apply(decision);
    undelivered ||= applied.undelivered;
    conflicts = applied.outcome === 'conflict' ? conflicts + 1 : 0;
    previous = previousRoundOf(observation, applied);
    if (conflicts > maxConflicts) return conflicting;
    switch (conflicts > 0 ? 'again' : nextStep(decision, applied, elapsed())) {
      case 'again':
        break;
      case 'wait':
        await pause(clock, decision);
        break;
      case 'finish':
        return finish(decision, undelivered);
    }
  }
  return outOfTime;
}

function previousRoundOf<O>(observation: O, { outcome, writes }: Applied): PreviousRound<O> | undefined {
  return outcome === 'conflict' ? undefined : { observation, ...writes };
}

function pause(clock: Clock, { waitSeconds = pollSeconds }: Decision): Promise<void> {
  return clock.sleep(waitSeconds * 1_000);
}

function mayBegin(round: number, elapsed: number): boolean {
  return round < maxRounds && elapsed <= lastRoundMs;
}

/** What was not delivered would not be delivered a moment later either: the event comes again with backoff. */
function nextStep({ next }: Decision, { undelivered }: Applied, elapsed: number): 'again' | 'wait' | 'finish' {
  if (next === 'again') return undelivered ? 'finish' : 'again';
  return (next === 'wait' || next === 'waitOrRetry') && elapsed < waitBudgetMs ? 'wait' : 'finish';
}

function finish({ next, reason, message }: Decision, undelivered: boolean): Outcome {
  if (undelivered) return { outcome: 'retry', reason: 'Undelivered', message: 'the sink did not accept an event' };
  return { outcome: next === 'retry' || next === 'waitOrRetry' ? 'retry' : 'done', reason, message };
}

/** How far an activation has come. */
export interface RoundContext<O> {
  /** Milliseconds since it began. */
  readonly elapsed: number;
  readonly firstRound: boolean;
  /** What need not be read again. */
  readonly previous?: PreviousRound<O> | undefined;
}

export interface Reconciler<O> {
  /** `<namespace>/<name>` of the object, for the log. */
  readonly object: string;
  /** Reads what is true; undefined when the object is gone. */
  gather(moment: RoundContext<O>): Promise<O | undefined>;
  /** Has no side effects. */
  decide(observation: O): Decision;
}

/** Reconciles one object: gathers, decides and applies until nothing is left to do, and logs each decision that changes something. */
export function reconcile<O>(effects: Effects, clock: Clock, steps: Reconciler<O>): Promise<Outcome> {
  let rounds = 0;
  return runRounds<O>(
    {
      gather: (elapsed, previous) => steps.gather({ elapsed, firstRound: rounds++ === 0, previous }),
      decide: (observation) => steps.decide(observation),
      apply: ({ commands, reason, message }) => {
        if (commands.length > 0) {
          const types = commands.map(({ type }) => type);
          effects.log.info('Decision', { object: steps.object, reason, detail: message, commands: types });
        }
        return apply(effects, commands);
      },
    },
    clock,
  );
}
