/** What was seen of a pod and the runs in it, or why nothing was seen. */
import type { DatabaseContainer } from './location.ts';
import type { Inspection } from './protocol.ts';

/** Why there is no answer; the kinds are those of `ExecResult`. After `unknown` and `timeout` the command may have run. */
export interface RunnerProblem {
  readonly kind: 'forbidden' | 'not-found' | 'transient' | 'unknown' | 'timeout';
  readonly message: string;
}

/** An answer of the runner, or why there is none. */
export type RunnerResult<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: RunnerProblem };

/** A finished run whose files may go; `name` removes the log link as well, when it still is this run's. */
export interface PrunableRun {
  readonly id: string;
  readonly name?: string;
}

/** A database container that was inspected, and its answer. */
export interface PodInspection {
  readonly container: DatabaseContainer;
  readonly answer: RunnerResult<Inspection>;
}
