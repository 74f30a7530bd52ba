/** Environment variables of a container: what the pod template says, completed by what only the node knows. */
import type { Container, EnvVar, Pod } from '../client/objects.ts';
import { containerMark } from '../../machine/process-table.ts';
import { dataDirectoryOf, mapPaths, type Mount } from './paths.ts';

/** What only the node knows. */
export interface NodeSide {
  readonly imageBin: string;
  readonly containerId: string;
  readonly mounts: readonly Mount[];
  /** Where the database of this container listens; undefined when it has none. */
  readonly port: number | undefined;
  /** Reads a key of a Secret in the pod's namespace. */
  secret(name: string, key: string): Promise<string | undefined>;
}

const systemPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The environment that every process of the container gets. PGPORT is always ours: pods share one loopback address. */
export async function containerEnvironment(
  pod: Pod,
  container: Container,
  node: NodeSide,
): Promise<Record<string, string>> {
  const environment: Record<string, string> = {
    PATH: `${node.imageBin}:${systemPath}`,
    HOSTNAME: pod.metadata.name,
    HOME: '/tmp',
    LANG: 'C.UTF-8',
    ...(node.port === undefined
      ? {}
      : { PGHOST: '127.0.0.1', PGUSER: 'postgres', PGDATA: mapPaths(dataDirectoryOf(container), node.mounts) }),
  };
  for (const variable of container.env ?? []) {
    const value = await valueOf(variable, pod, node);
    if (value !== undefined) environment[variable.name] = mapPaths(value, node.mounts);
  }
  if (node.port !== undefined) environment['PGPORT'] = String(node.port);
  environment[containerMark] = node.containerId;
  return environment;
}

async function valueOf(variable: EnvVar, pod: Pod, node: NodeSide): Promise<string | undefined> {
  if (variable.value !== undefined) return variable.value;
  const secret = variable.valueFrom?.secretKeyRef;
  if (secret !== undefined) return node.secret(secret.name, secret.key);
  const fields: Record<string, string | undefined> = {
    'metadata.name': pod.metadata.name,
    'metadata.namespace': pod.metadata.namespace,
    'metadata.uid': pod.metadata.uid,
    'status.podIP': '127.0.0.1',
  };
  return fields[variable.valueFrom?.fieldRef?.fieldPath ?? ''];
}
