/** The database pod as tables of tests describe it: everything as usual but for what is named. */
import type { Executor } from '../../../functions/domain/resources/executor.ts';
import type { PodInspection, RunnerResult } from '../../../functions/domain/run/observed-run.ts';
import type { DatabaseContainer } from '../../../functions/domain/run/location.ts';
import type { CatalogueAnswer, Identity, Inspection, RunReport } from '../../../functions/domain/run/protocol.ts';
import { rfc3339, type UnixSeconds } from '../../../functions/domain/time.ts';
import { slot } from './objects.ts';

export const identity: Identity = { host: 'postgres-0', ticks: '100', boot: 'boot-1', postmaster: '1640855462' };

export const container: DatabaseContainer = {
  pod: 'postgres-0',
  podUID: 'pod-uid-1',
  containerID: 'containerd://1',
};

export const systemIdentifier = '7711259327716174705';

/** UID of Namespace shop. */
export const cluster = 'uid-namespace-shop';

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

/** What the pod answers: PostgreSQL is up, a primary, and nobody holds the lock. */
export function inspection(shape: Partial<Inspection> = {}): RunnerResult<Inspection> {
  const value: Inspection = {
    podTime: slot,
    identity,
    stopping: false,
    uid: 999,
    pgdata: '/var/lib/postgresql/data',
    systemIdentifier,
    role: 'primary',
    holder: undefined,
    ...shape,
  };
  return { ok: true, value };
}

/** The same, of the container that runs are pinned to. */
export function inspected(shape: Partial<Inspection>): PodInspection {
  return { container, answer: inspection(shape) };
}

/** The pod did not answer. */
export function sawNothing(
  kind: 'forbidden' | 'not-found' | 'transient' | 'unknown' | 'timeout',
  message: string,
): PodInspection {
  return { container, answer: { ok: false, problem: { kind, message } } };
}

export const podGone = sawNothing('not-found', 'pods "postgres-0" not found');

/** A run that has not ended and has changed nothing yet. */
export function reportOf(run: Pick<RunReport, 'id' | 'kind' | 'state' | 'log'> & Partial<RunReport>): RunReport {
  return { deadlineHit: false, tombstone: false, catalogueChanged: false, ...run };
}

/** Stored backups in wal-g's words; system identifiers are written as the bare 64-bit numbers that wal-g prints. */
export function catalogueOf(
  podTime: UnixSeconds,
  entries: readonly Record<string, unknown>[],
  shape: Partial<CatalogueAnswer> = {},
): CatalogueAnswer {
  return {
    podTime,
    systemIdentifier,
    backups: JSON.stringify(entries).replaceAll('"SYSID"', systemIdentifier),
    plain: false,
    ready: [],
    readyTotal: 0,
    timeline: 1,
    ...shape,
  };
}

/** What `user_data` of a stored backup says of the PgBackup that made it. */
export function madeBy(uid: string): object {
  return { aidboxops: { uid, namespace: 'shop', statefulSet: 'postgres' } };
}

/** A StatefulSet as the API server has it, with its Namespace and its pods, all of them ready. */
export function database(name = 'postgres', replicas = 1): object[] {
  const uid = `uid-${name}`;
  const pods = Array.from({ length: replicas }, (_, index) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `${name}-${index}`,
      namespace: 'shop',
      uid: container.podUID,
      labels: { app: name },
      ownerReferences: [{ uid }],
    },
    spec: { containers: [{ name: 'postgres' }] },
    status: {
      phase: 'Running',
      containerStatuses: [{ name: 'postgres', ready: true, containerID: container.containerID }],
    },
  }));
  const set = {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name, namespace: 'shop', uid },
    spec: { replicas, selector: { matchLabels: { app: name } } },
  };
  return [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', uid: cluster } }, set, ...pods];
}
