/** The databases of the node's pods: where they listen, where their files are, and SQL. */
import { query, type Row } from './query.ts';
import type { RunningContainer } from './container.ts';
import { mapPaths } from './paths.ts';
import type { Pods } from './pods.ts';
import { dataDirectoryOnNode, isDatabase } from './workload.ts';

/** A running database. */
export interface Database {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly port: number;
  readonly user: string;
  /** Pid of the postmaster. */
  readonly pid: number;
  readonly dataDir: string;
  readonly containerId: string;
  /** Environment of the container. */
  readonly environment: Readonly<Record<string, string>>;
  /** Directory of this machine that a container path stands for. */
  realPath(containerPath: string): string;
  sql(text: string): Promise<Row[]>;
}

/** All databases that run at this moment, by namespace and pod. */
export function databasesOf(pods: Pods): Database[] {
  return pods
    .all()
    .flatMap(({ pod, containers }) =>
      containers.flatMap((one) => describe(one, pod.metadata.namespace ?? 'default', pod.metadata.name) ?? []),
    )
    .sort((a, b) => `${a.namespace}/${a.pod}`.localeCompare(`${b.namespace}/${b.pod}`));
}

function describe(running: RunningContainer, namespace: string, pod: string): Database | undefined {
  const [environment, pid] = [running.environment(), running.pid()];
  if (environment === undefined || pid === undefined || !isDatabase(running.container)) return undefined;
  const port = Number(environment['PGPORT']);
  const user = environment['PGUSER'] ?? 'postgres';
  return {
    namespace,
    pod,
    container: running.container.name,
    port,
    user,
    pid,
    dataDir: dataDirectoryOnNode(running.container, running.mounts),
    containerId: running.state().containerId,
    environment,
    realPath: (path) => mapPaths(path, running.mounts),
    sql: (text) => query({ port, user }, text),
  };
}
