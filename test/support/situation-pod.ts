/** The database pod as tables of tests describe it: everything as usual but for what is named. */
import type { Executor } from '../../functions/domain/resources/executor.ts';
import type { PodInspection } from '../../functions/domain/run/observed-run.ts';
import type { DatabaseContainer } from '../../functions/domain/run/location.ts';
import type { Identity, Inspection } from '../../functions/domain/run/protocol.ts';
import { rfc3339, type UnixSeconds } from '../../functions/domain/time.ts';

export const identity: Identity = { host: 'postgres-0', ticks: '100', boot: 'boot-1', postmaster: '1640855462' };

export const container: DatabaseContainer = {
  pod: 'postgres-0',
  podUID: 'pod-uid-1',
  containerID: 'containerd://1',
};

export const systemIdentifier = '7711259327716174705';

/** Executor of a run that was launched at `at` and may last `timeoutSeconds`. */
export function executorOf(at: UnixSeconds, timeoutSeconds: number): Executor {
  return {
    ...container,
    ...identity,
    postmasterStartTime: rfc3339(Number(identity.postmaster)),
    directory: '/PgBackup',
    timeoutSeconds,
    deadline: rfc3339(at + timeoutSeconds),
    notAfter: rfc3339(at + 30),
  };
}

/** What the pod answers at `podTime`: PostgreSQL is up, a primary, and nobody holds the lock. */
export function inspected(podTime: UnixSeconds, shape: Partial<Inspection>): PodInspection {
  const value: Inspection = {
    podTime,
    identity,
    stopping: false,
    uid: 999,
    pgdata: '/var/lib/postgresql/data',
    systemIdentifier,
    role: 'primary',
    holder: undefined,
    ...shape,
  };
  return { container, answer: { ok: true, value } };
}

/** The pod did not answer. */
export function sawNothing(
  kind: 'forbidden' | 'not-found' | 'transient' | 'unknown' | 'timeout',
  message: string,
): PodInspection {
  return { container, answer: { ok: false, problem: { kind, message } } };
}
