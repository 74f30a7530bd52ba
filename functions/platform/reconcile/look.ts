/** One look at one object: gather → decide → apply until settled, each decision that changes something logged. */
import type { Decision } from '../../domain/commands/command.ts';
import { apply, type Effects } from './apply.ts';
import type { Clock } from '../clock.ts';
import { reconcile, type Earlier, type Outcome } from './reconcile.ts';

/** How far an activation has come. */
export interface Moment<O> {
  /** Milliseconds since it began. */
  readonly elapsed: number;
  readonly firstRound: boolean;
  /** What need not be read again. */
  readonly earlier?: Earlier<O> | undefined;
}

export interface LookSteps<O> {
  /** `<namespace>/<name>` of what is looked at, for the log. */
  readonly object: string;
  /** What is true; undefined when there is nothing to look at. */
  gather(moment: Moment<O>): Promise<O | undefined>;
  /** Pure. */
  decide(observation: O): Decision;
}

export function look<O>(effects: Effects, clock: Clock, steps: LookSteps<O>): Promise<Outcome> {
  let rounds = 0;
  return reconcile<O>(
    {
      gather: (elapsed, earlier) => steps.gather({ elapsed, firstRound: rounds++ === 0, earlier }),
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
