/** What several stories say about a PgBackup. */
import assert from 'node:assert/strict';
import type { PgBackup } from '../../../functions/domain/resources/pg-backup.ts';
import type { RotationCondition } from '../../../functions/domain/resources/pg-manager.ts';
import { assertAsPublished, type SeenEvent } from '../../support/outside.ts';
import type { TestCluster } from '../../support/test-cluster.ts';

/** A database of a story has about 25 MB: at this rate its backup takes longer than anything that a story does meanwhile. */
export const slow = { WALG_DISK_RATE_LIMIT: String(512 * 1024) };

/** How a PgBackup is to fail. */
export interface Failure {
  readonly reason: string;
  readonly message: RegExp;
  readonly seconds?: number;
  /** Lists the events that the functions have announced. */
  readonly announced: () => Promise<readonly SeenEvent[]>;
}

/** Waits for a failure that its status, a Warning and an event say. */
export async function assertFailed(cluster: TestCluster, name: string, failure: Failure): Promise<PgBackup> {
  const { reason, message, seconds, announced } = failure;
  const backup = await cluster.finished(name, seconds);
  const { metadata, status } = backup;
  assert.deepEqual({ state: status.state, reason: status.reason }, { state: 'error', reason }, status.message);
  assert.match(status.message ?? '', message);
  assert.ok((await cluster.events(metadata.uid)).includes(`Warning ${reason}`), `a Warning ${reason} on ${name}`);
  const event = await cluster.eventually(`event of the failure of ${name}`, async () =>
    (await announced()).find(({ id }) => id === `${metadata.uid}/failed`),
  );
  assertAsPublished(event);
  return backup;
}

/** Waits for a success. */
export async function assertSucceeds(cluster: TestCluster, name: string, seconds = 90): Promise<PgBackup> {
  const backup = await cluster.finished(name, seconds);
  assert.equal(backup.status.state, 'success', backup.status.message);
  return backup;
}

/** Makes a PgBackup and waits for its success. */
export async function takeBackup(cluster: TestCluster, name: string, statefulSet?: string): Promise<PgBackup> {
  await cluster.backup(name, statefulSet);
  return assertSucceeds(cluster, name, 120);
}

/** Waits until the rotation that serves this backup has ended and is announced. */
export function untilRotated(
  cluster: TestCluster,
  { metadata }: PgBackup,
  manager?: string,
): Promise<RotationCondition> {
  return cluster.eventually(`rotation after ${metadata.name}`, async () => {
    const { rotation } = (await cluster.pgm(manager)).status.conditions;
    return rotation?.servedBackup === metadata.uid && rotation.outbox === undefined ? rotation : undefined;
  });
}

/** Waits until a PgManager says that rotation and storage are well. */
export async function untilAllIsWell(cluster: TestCluster): Promise<void> {
  await cluster.eventually('rotation and storage', async () => {
    const { rotation, storage } = (await cluster.pgm()).status.conditions;
    return rotation?.status === 'ok' && storage?.status === 'ok';
  });
}

/** Waits until no function runs. */
export async function untilAtZero(cluster: TestCluster): Promise<void> {
  await cluster.eventually('functions at zero', async () => (await cluster.awake()).length === 0, 90);
}

/** Returns the PgBackup once its pod has confirmed that wal-g runs. */
export function untilRunning(cluster: TestCluster, name: string): Promise<PgBackup> {
  return cluster.eventually(`start of ${name}`, async () => {
    const backup = await cluster.pgb(name);
    return backup?.status.state === 'running' && backup.status.startTime !== undefined ? backup : undefined;
  });
}
