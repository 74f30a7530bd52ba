import { requestError } from '../../domain/request-error.ts';
import type { Clock } from '../clock.ts';
import type { Runner } from './runner.ts';

/** An exec takes up to 20 s and a Trigger waits 60 s: no exec begins later than this (ms) in an activation. */
const latestExecMs = 35_000;

/** A runner whose execs throw a RequestError when they could not end within the activation that begins now. */
export function withDeadline(runner: Runner, clock: Clock): Runner {
  const begin = clock.monotonic();
  function check(): void {
    if (clock.monotonic() - begin > latestExecMs)
      throw requestError.of(0, 'OutOfTime', 'no time is left in this activation; the next one continues');
  }
  return {
    ...runner,
    async inspect(...given) {
      check();
      return runner.inspect(...given);
    },
    async probe(...given) {
      check();
      return runner.probe(...given);
    },
  };
}
