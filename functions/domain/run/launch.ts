/** Where a run takes place: pinned when it starts, so that every later inspection is compared with it. No side effects. */
import type { DatabaseContainer } from './location.ts';
import type { Inspection, RunReport } from './protocol.ts';
import type { Executor } from '../resources/executor.ts';
import { parseTime, rfc3339, type UnixSeconds } from '../time.ts';
import { startGrace, startValidity } from './limits.ts';

/** The run's place and incarnation, and its deadlines by the pod's clock. */
export function pinExecutor(
  at: { readonly container: DatabaseContainer; readonly inspection: Pick<Inspection, 'identity' | 'podTime'> },
  run: { readonly directory: string; readonly timeoutSeconds: number },
): Executor & { readonly notAfter: string } {
  const { identity, podTime } = at.inspection;
  return {
    ...at.container,
    ...identity,
    postmasterStartTime: rfc3339(Number(identity.postmaster)),
    directory: run.directory,
    timeoutSeconds: run.timeoutSeconds,
    deadline: rfc3339(podTime + run.timeoutSeconds),
    notAfter: rfc3339(startNotAfter(podTime)),
  };
}

/** Until when (pod's clock) a `start` that is sent now may begin its run. */
export function startNotAfter(podTime: UnixSeconds): UnixSeconds {
  return podTime + startValidity;
}

/** Whether a `start` that was cut may still begin its run: until then nothing is concluded. */
export function startMayStillArrive({ notAfter }: Executor, podTime: UnixSeconds): boolean {
  return podTime <= (parseTime(notAfter) ?? 0) + startGrace;
}

/** How long a run has outlived its deadline, in seconds; less than 0 before. Its own uptime decides: a clock may jump. */
export function overdueOf(
  { deadline, timeoutSeconds }: Executor,
  { age }: Pick<RunReport, 'age'>,
  podTime: UnixSeconds,
): number {
  return age === undefined ? podTime - (parseTime(deadline) ?? podTime) : age - timeoutSeconds;
}
