/** The main job, on real input: a database with data, a PgManager beside it, and what comes of it. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DateTime } from 'luxon';
import type { Environment } from '../environment-types.ts';
import type { Display } from './display.ts';
import { buildDatabase, buildManager, demoData, demoDatabase, demoManager, demoNamespace } from './objects.ts';
import { failureOf, missingOf, scheduled } from './progress.ts';
import type { LiveState } from './state.ts';

/** What the steps of the demo work with. */
export interface Stage {
  readonly environment: Environment;
  readonly state: LiveState;
  readonly display: Display;
  /** Aborted when somebody wants to stop. */
  readonly signal: AbortSignal;
}

/** Time for the PgManager's timer to be made before its slot. */
const slotAheadSeconds = 15;
const databaseTimeoutMs = 60_000;
const roundTimeoutMs = 240_000;
const zeroTimeoutMs = 120_000;

/** Makes the database with its data, then the PgManager with a slot within the next half minute. */
export async function createDemo(stage: Stage): Promise<void> {
  const { environment, display } = stage;
  const options = { fieldManager: 'demo' };
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: demoNamespace } };
  await environment.kube.apply(`/api/v1/namespaces/${demoNamespace}`, namespace, options);
  await environment.kube.apply(
    `/apis/apps/v1/namespaces/${demoNamespace}/statefulsets/${demoDatabase}`,
    buildDatabase(environment.storageDir),
    options,
  );
  await until(stage, { what: 'a database that takes connections', timeoutMs: databaseTimeoutMs }, async () => {
    const tried = await environment
      .databases()[0]
      ?.sql('select 1')
      .catch(() => undefined);
    return tried === undefined ? ['the database'] : [];
  });
  await environment.databases()[0]?.sql(demoData);
  const at = DateTime.utc().plus({ seconds: slotAheadSeconds }).toFormat('HH:mm:ss');
  display.state(`StatefulSet ${demoDatabase}: a database with 62 200 rows; now a PgManager with its slot at ${at} UTC`);
  await environment.kube.apply(
    `/apis/aidbox.pg/v01/namespaces/${demoNamespace}/pgmanagers/${demoManager}`,
    buildManager(at),
    options,
  );
}

/** Waits for the scheduled backup, its rotation and the storage probe. */
export function scheduledRound(stage: Stage): Promise<void> {
  return until(stage, { what: 'the scheduled round', timeoutMs: roundTimeoutMs }, () => {
    failWhen(failureOf(stage.state.backups()));
    return Promise.resolve(missingOf(stage.state.managers()[0], stage.state.backups()));
  });
}

/** Makes a PgBackup by hand and waits for it, and for the rotation that follows it. */
export async function manualRound(stage: Stage): Promise<void> {
  const manifest = join(import.meta.dirname, 'backup-now.yaml');
  const created = await stage.environment.kubectl(['create', '-n', demoNamespace, '-f', manifest, '-o', 'name']);
  const name = created.trim().split('/').at(-1) ?? '';
  await until(stage, { what: `PgBackup ${name}`, timeoutMs: roundTimeoutMs }, () => {
    const backups = stage.state.backups();
    failWhen(failureOf(backups));
    const isDone = backups.find((one) => one.metadata.name === name)?.status?.state === 'success';
    const missing = missingOf(stage.state.managers()[0], backups);
    return Promise.resolve(isDone ? missing : [`PgBackup ${name} in success`, ...missing]);
  });
}

/** Waits until no function has a process any more. */
export function allAtZero(stage: Stage): Promise<void> {
  return until(stage, { what: 'all functions at zero', timeoutMs: zeroTimeoutMs }, () =>
    Promise.resolve(
      stage.environment
        .functions()
        .filter((one) => one.state !== 'zero')
        .map((one) => `${one.name} is ${one.state}`),
    ),
  );
}

/** What a user reads: both objects, described. */
export async function showDescriptions({ environment, state, display }: Stage): Promise<void> {
  const backup = scheduled(state.backups())[0]?.metadata.name;
  const describe = async (kind: string, name: string): Promise<void> => {
    display.heading(`kubectl describe ${kind} -n ${demoNamespace} ${name}`);
    display.text(await environment.kubectl(['describe', kind, '-n', demoNamespace, name]));
  };
  await describe('pgmanager', demoManager);
  if (backup !== undefined) await describe('pgbackup', backup);
}

/** Asks once a moment; throws with what is missing when the time is up, or when somebody wants to stop. */
async function until(
  stage: Stage,
  wait: { what: string; timeoutMs: number },
  missing: () => Promise<readonly string[]>,
): Promise<void> {
  const end = performance.now() + wait.timeoutMs;
  for (;;) {
    stage.signal.throwIfAborted();
    const left = await missing();
    if (left.length === 0) return;
    if (performance.now() > end) {
      throw new Error(`${wait.what}: after ${wait.timeoutMs / 1000} s there is still no ${left.join('; no ')}`);
    }
    await sleep(200, undefined, { signal: stage.signal }).catch(() => undefined);
  }
}

function failWhen(reason: string | undefined): void {
  if (reason !== undefined) throw new Error(reason);
}
