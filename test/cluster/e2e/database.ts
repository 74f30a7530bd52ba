/** Databases of the tests: a StatefulSet as README recommends it, asked through kubectl exec. */
import type { Place } from '../../support/objects.ts';
import { target } from './target.ts';

/** What differs from an ordinary database. */
export interface DatabaseShape {
  readonly name?: string;
  readonly container?: string;
  readonly image?: string;
  readonly archiveCommand?: string;
  /** More environment variables. */
  readonly env?: Readonly<Record<string, string>>;
  readonly replicas?: number;
}

/** Makes a database and waits until it is ready. */
export async function startDatabase(place: Place, shape: DatabaseShape = {}): Promise<Database> {
  const { name = 'postgres', container = 'postgres' } = shape;
  await place.apply(statefulSet(place.namespace, shape));
  await place.kubectl('rollout', 'status', '-n', place.namespace, `statefulset/${name}`, '--timeout=120s');
  return databaseIn(place, `${name}-0`, container);
}

/** A database that can be asked. */
export interface Database {
  readonly pod: string;
  /** Runs a shell text in the container, as its exec user. */
  sh(script: string): Promise<string>;
  /** Rows, columns separated by `|`. */
  sql(text: string): Promise<string[]>;
  /** Names of stored backups, oldest first, as wal-g itself lists them. */
  stored(): Promise<string[]>;
}

/** What runs as root must become the owner of the data first: wal-g run as root spoils file storage. */
const asOwner =
  'if [ "$(id -u)" = 0 ]; then set -- setpriv --reuid=postgres --regid=postgres --init-groups "$@"; fi; exec "$@"';

/** The database of a pod. */
export function databaseIn({ namespace, kubectl }: Place, pod: string, container = 'postgres'): Database {
  const exec = (...command: string[]): Promise<string> =>
    kubectl('exec', '-n', namespace, pod, '-c', container, '--', ...command);
  return {
    pod,
    sh: (script) => exec('sh', '-euc', script),
    async sql(text) {
      const answer = await exec('psql', '-XAtq', '-h', '127.0.0.1', '-v', 'ON_ERROR_STOP=1', '-c', text);
      return answer.split('\n').filter(Boolean);
    },
    async stored() {
      const text = await exec('sh', '-euc', asOwner, 'sh', 'wal-g', 'backup-list', '--json');
      const list = (text.trim() === '' ? [] : JSON.parse(text)) as { backup_name: string }[];
      return list.map(({ backup_name: stored }) => stored).sort();
    },
  };
}

/** Variables that archiving, backups and restores have in common. */
export function walgVariables(namespace: string, name: string): Record<string, string> {
  return { PGUSER: 'postgres', WALG_FILE_PREFIX: `/backups/${namespace}-${name}` };
}

/** The directory on the node, as every pod mounts it. */
export const storageVolume = { name: 'backups', hostPath: { path: target.storage, type: 'DirectoryOrCreate' } };

function statefulSet(namespace: string, shape: DatabaseShape): object {
  const { name = 'postgres', container = 'postgres', image = target.postgresImage } = shape;
  const { archiveCommand = 'wal-g wal-push "%p"' } = shape;
  const labels = { app: name };
  const variables: Record<string, string> = {
    PGDATA: '/var/lib/postgresql/data/pgdata',
    ...walgVariables(namespace, name),
    ...shape.env,
  };
  const mounts = [
    { name: 'data', mountPath: '/var/lib/postgresql/data' },
    { name: 'logs', mountPath: '/PgBackup' },
    { name: 'backups', mountPath: '/backups' },
  ];
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name, namespace },
    spec: {
      serviceName: name,
      replicas: shape.replicas ?? 1,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          terminationGracePeriodSeconds: 5,
          containers: [
            {
              name: container,
              image,
              args: ['-c', 'archive_mode=on', '-c', `archive_command=${archiveCommand}`],
              env: Object.entries(variables).map(([key, value]) => ({ name: key, value })),
              volumeMounts: mounts,
              readinessProbe: {
                exec: { command: ['psql', '-XAtq', '-h', '127.0.0.1', '-c', 'select 1'] },
                // Each probe starts a program in the container: a dozen databases, probed each second, fill a core.
                periodSeconds: 3,
                // On a busy machine a second is short for a program to start; a pod that is not ready is not probed.
                timeoutSeconds: 10,
                failureThreshold: 2,
              },
            },
          ],
          // Storage of files has to belong to whoever writes to it.
          initContainers: [
            {
              name: 'storage',
              image: target.postgresImage,
              command: ['sh', '-euc', `mkdir -p "$WALG_FILE_PREFIX"; chown 999:999 "$WALG_FILE_PREFIX"`],
              env: [{ name: 'WALG_FILE_PREFIX', value: variables['WALG_FILE_PREFIX'] }],
              securityContext: { runAsUser: 0 },
              volumeMounts: mounts,
            },
          ],
          volumes: [{ name: 'data', emptyDir: {} }, { name: 'logs', emptyDir: {} }, storageVolume],
        },
      },
    },
  };
}
