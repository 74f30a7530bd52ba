/** Builds the StatefulSet of a database as the documents recommend it: wal-g set up by variables, a volume for /PgBackup. */

/** What differs from an ordinary database. */
export interface DatabaseShape {
  /** Name of the StatefulSet; `postgres` unless said otherwise. */
  readonly name?: string;
  readonly container?: string;
  readonly image?: string;
  readonly archiveCommand?: string;
  /** More variables of the container: a value, or what a pod template has beside the name. */
  readonly env?: Readonly<Record<string, string | object>>;
  readonly podSpec?: Readonly<Record<string, unknown>>;
  /** Keeps the files beyond the life of the pod. */
  readonly claims?: boolean;
}

/** Where a database is made. */
export interface DatabasePlace {
  readonly namespace: string;
  readonly image: string;
  /** Directory of the node that pods mount to store backups in. */
  readonly storage: string;
}

/** Where a database's backups are stored, below the directory of the node. */
export function storageName(namespace: string, name = 'postgres'): string {
  return `${namespace}-${name}`;
}

/** Returns the variables that archiving, backups and restores have in common. */
export function walgVariables(namespace: string, name?: string): Record<string, string> {
  return { PGUSER: 'postgres', WALG_FILE_PREFIX: `/backups/${storageName(namespace, name)}` };
}

/** Returns the volume with the storage of all databases. */
export function storageVolume({ storage }: DatabasePlace): object {
  return { name: 'backups', hostPath: { path: storage, type: 'DirectoryOrCreate' } };
}

export const databaseMounts = [
  { name: 'data', mountPath: '/var/lib/postgresql/data' },
  { name: 'logs', mountPath: '/PgBackup' },
  { name: 'backups', mountPath: '/backups' },
];

/** Returns variables as a pod template has them. */
export function variablesOf(variables: Readonly<Record<string, string | object>>): object[] {
  return Object.entries(variables).map(([name, value]) =>
    typeof value === 'string' ? { name, value } : { name, ...value },
  );
}

/** Builds the StatefulSet. */
export function databaseSet(place: DatabasePlace, shape: DatabaseShape = {}): object {
  const { name = 'postgres', claims = false } = shape;
  const labels = { app: name };
  const files = ['data', 'logs'];
  const volumes = claims ? [] : files.map((file) => ({ name: file, emptyDir: {} }));
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name, namespace: place.namespace },
    spec: {
      serviceName: name,
      replicas: 1,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          terminationGracePeriodSeconds: 5,
          containers: [databaseContainer(place, shape)],
          volumes: [...volumes, storageVolume(place)],
          ...shape.podSpec,
        },
      },
      volumeClaimTemplates: (claims ? files : []).map((claim) => ({
        metadata: { name: claim },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
      })),
    },
  };
}

function databaseContainer(place: DatabasePlace, shape: DatabaseShape): object {
  const { container = 'postgres', image = place.image, archiveCommand = 'wal-g wal-push "%p"' } = shape;
  const variables = {
    PGDATA: '/var/lib/postgresql/data/pgdata',
    ...walgVariables(place.namespace, shape.name),
    ...shape.env,
  };
  return {
    name: container,
    image,
    args: ['-c', 'archive_mode=on', '-c', `archive_command=${archiveCommand}`],
    env: variablesOf(variables),
    volumeMounts: databaseMounts,
    readinessProbe: {
      exec: { command: ['psql', '-XAtq', '-h', '127.0.0.1', '-c', 'select 1'] },
      // Each probe starts a program in the container: a dozen databases, probed each second, fill a core.
      periodSeconds: 3,
      // On a busy machine a second is short for a program to start; a pod that is not ready is not probed.
      timeoutSeconds: 10,
      failureThreshold: 2,
    },
  };
}
