/** Restores a stored backup with the documents' own commands in a pod of its own, and asks the restored database. */
import { databaseMounts, storageVolume, variablesOf, walgVariables, type DatabasePlace } from './database-set.ts';
import { databaseIn, type Sql } from './database.ts';
import { documentBlock } from './documents.ts';
import { eventually } from './eventually.ts';
import type { NamespaceAccess } from './objects.ts';

/** What is restored, and what the documents leave to the reader. */
export interface Restore {
  /** StatefulSet whose backups are restored. */
  readonly from?: string;
  /** Name of the documents' block. */
  readonly block: string;
  /** Variables that the block uses, such as BACKUP or TARGET_TIME. */
  readonly variables: Readonly<Record<string, string>>;
}

/** Where restored databases run. */
export interface RestorePlace extends DatabasePlace {
  /** Owner of what is stored. */
  readonly owner: number;
  /** Where nothing schedules a pod that stands alone. */
  readonly nodeName?: string;
  /** Chooses the port of a restored database. */
  readonly port: () => Promise<number>;
}

/** Fetches and recovers as the documents say, asks the restored database, and removes the pod. */
export async function askRestored(
  access: NamespaceAccess & { readonly sql: Sql },
  place: RestorePlace,
  restore: Restore,
  ask: string,
): Promise<string[]> {
  const { namespace, kubectl, sql } = access;
  const name = `${restore.block}-${Math.random().toString(36).slice(2, 7)}`;
  const variables = {
    PGDATA: '/var/lib/postgresql/data/restored',
    PGPORT: String(await place.port()),
    ...walgVariables(namespace, restore.from),
    ...restore.variables,
  };
  await access.apply(restorePod(place, name, variables));
  try {
    await kubectl('wait', '-n', namespace, `pod/${name}`, '--for=condition=Ready', '--timeout=60s');
    const database = databaseIn(access, sql, { pod: name, container: 'restore' });
    await database.sh(documentBlock(restore.block));
    // Its own history must not go where it came from.
    const settings = `-c archive_mode=off -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c port=$PGPORT`;
    await database.sh(`pg_ctl -D "$PGDATA" -w -t 120 -o "${settings}" -l "$PGDATA/start.log" start >/dev/null`);
    await eventually('promotion', async () => (await database.sql('select pg_is_in_recovery()')).join() === 'f');
    return await database.sql(ask);
  } finally {
    await kubectl('delete', 'pod', '-n', namespace, name, '--grace-period=0', '--force', '--wait=false');
  }
}

function restorePod(place: RestorePlace, name: string, variables: Readonly<Record<string, string>>): object {
  const { namespace, owner, image, nodeName } = place;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace },
    spec: {
      restartPolicy: 'Never',
      ...(nodeName === undefined ? {} : { nodeName }),
      securityContext: { runAsUser: owner, runAsGroup: owner, fsGroup: owner },
      containers: [
        {
          name: 'restore',
          image,
          command: ['sleep', '3600'],
          env: variablesOf(variables),
          volumeMounts: databaseMounts,
        },
      ],
      volumes: [...['data', 'logs'].map((each) => ({ name: each, emptyDir: {} })), storageVolume(place)],
    },
  };
}
