/** Where one case is run: a namespace with a database, a manager, and one earlier success where rotation shall delete it. */
import type { Environment } from '../../local/environment-types.ts';
import type { TraceEvent } from '../../local/knative/index.ts';
import { readyDatabase } from '../support/environment.ts';
import { eventually } from '../support/eventually.ts';
import { openLocalNamespace, type LocalCluster } from '../support/local-cluster.ts';
import type { Random } from '../simulation/random.ts';
import type { Forwarder } from '../support/forwarder.ts';
import type { History } from './history.ts';
import type { Interference } from './interference.ts';
import { makeCallLog, type Slow } from './wal-g.ts';

/** What all cases share. */
export interface SharedFixture {
  readonly environment: Environment;
  readonly observations: readonly TraceEvent[];
  /** What a consumer of CloudEvents was told under this id, each time. */
  factsOf(id: string): string[];
  readonly history: History;
  readonly interference: Interference;
  /** In front of the kubelet. */
  readonly kubelet: Forwarder;
  /** PATH of containers, with the wal-g that writes down its calls. */
  readonly path: string;
}

/** Which function a scenario is about. */
export type ScenarioName = 'schedule' | 'backup' | 'rotation' | 'storage';

export interface Fixture extends SharedFixture {
  readonly namespace: string;
  readonly function: ScenarioName;
  readonly cluster: LocalCluster;
  readonly random: Random;
  /** Calls of wal-g. */
  readonly calls: string;
  /** What WALG_FILE_PREFIX is for processes of this machine. */
  readonly prefix: string;
  /** The PgBackup that the scenario is about, its slot when it has one; probes of storage before the last tick. */
  readonly subject: { name: string; slot?: string; probes?: number };
}

/** A value in the environment of every database that nobody may ever read anywhere. */
export const secret = 'hush-4f1c9a7e2b';

/** Slow enough to be met in the middle: a new database has about 25 MB (bytes a second). */
const rate = 6 * 1024 * 1024;

/** Longer than any timer of ours: a busy machine may take its time (seconds). */
export const patience = 300;

/** Makes namespace and database. */
export async function openFixture(
  shared: SharedFixture,
  place: {
    readonly namespace: string;
    readonly function: ScenarioName;
    readonly slow: readonly Slow[];
    readonly random: Random;
  },
): Promise<Fixture> {
  const { environment, path } = shared;
  const { namespace, slow } = place;
  const cluster = await openLocalNamespace(environment, namespace, shared.observations);
  const calls = makeCallLog(environment, namespace);
  const env = {
    PATH: path,
    CHAOS_CALLS: calls,
    CHAOS_SLOW: slow.join(' '),
    WALG_DISK_RATE_LIMIT: String(rate),
    AWS_SECRET_ACCESS_KEY: secret,
  };
  await cluster.statefulSet({ env });
  const database = await eventually(
    `database of ${namespace}`,
    () => readyDatabase(environment, namespace, 'postgres-0'),
    patience,
  );
  return {
    ...shared,
    ...place,
    cluster,
    calls,
    prefix: database.environment['WALG_FILE_PREFIX'] ?? '',
    subject: { name: 'by-hand' },
  };
}
