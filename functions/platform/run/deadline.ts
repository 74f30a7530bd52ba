import { requestError } from '../../domain/request-error.ts';
import type { Clock } from '../clock.ts';
import type { Runner } from './runner.ts';

/** A look takes up to 20 s and a Trigger waits 60 s: none begins later than this (ms) after the activation. */
const latestExecMs = 35_000;

/** A runner whose looks into pods throw a `Failure` when they could not end within the activation that begins now. */
export function withDeadline(runner: Runner, clock: Clock): Runner {
  const begin = clock.monotonic();
  function check(): void {
    if (clock.monotonic() - begin > latestExecMs)
      throw requestError.of(0, 'OutOfTime', 'no time is left in this activation; the next one looks');
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
