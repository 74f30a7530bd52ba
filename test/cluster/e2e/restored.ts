/** Restores with the documented commands in a pod of its own, beside the database that goes on. */
import { documentBlock } from '../../support/documents.ts';
import type { Restore } from '../../support/restored.ts';
import { eventually } from '../../support/eventually.ts';
import type { Place } from '../../support/objects.ts';
import { storageVolume, walgVariables } from './database.ts';
import { target } from './target.ts';

/** Fetches and recovers as the documents say, asks the restored database, and removes the pod. */
export async function askRestored(place: Place, from: string, restore: Restore, ask: string): Promise<string[]> {
  const { namespace, kubectl } = place;
  const name = `restore-${restore.block.replace('restore-', '')}-${Math.random().toString(36).slice(2, 7)}`;
  const variables = { PGDATA: '/restored/data', ...walgVariables(namespace, from), ...restore.variables };
  await place.apply(restorePod(namespace, name, variables));
  try {
    await kubectl('wait', '-n', namespace, `pod/${name}`, '--for=condition=Ready', '--timeout=60s');
    const sh = (script: string): Promise<string> => kubectl('exec', '-n', namespace, name, '--', 'sh', '-euc', script);
    await sh(documentBlock(restore.block));
    // Its own history must not go where it came from.
    await sh('pg_ctl -D "$PGDATA" -w -t 120 -o "-c archive_mode=off" -l /restored/log start >/dev/null');
    const psql = (text: string): Promise<string> =>
      kubectl('exec', '-n', namespace, name, '--', 'psql', '-XAtq', '-h', '127.0.0.1', '-c', text);
    await eventually('promotion', async () =>
      (await psql('select pg_is_in_recovery()')).trim() === 'f' ? true : undefined,
    );
    return (await psql(ask)).split('\n').filter(Boolean);
  } finally {
    await kubectl('delete', 'pod', '-n', namespace, name, '--grace-period=0', '--force', '--wait=false');
  }
}

function restorePod(namespace: string, name: string, variables: Readonly<Record<string, string>>): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace },
    spec: {
      restartPolicy: 'Never',
      securityContext: { runAsUser: 999, runAsGroup: 999, fsGroup: 999 },
      containers: [
        {
          name: 'postgres',
          image: target.postgresImage,
          command: ['sleep', '3600'],
          env: Object.entries(variables).map(([key, value]) => ({ name: key, value })),
          volumeMounts: [
            { name: 'restored', mountPath: '/restored' },
            { name: 'backups', mountPath: '/backups' },
          ],
        },
      ],
      volumes: [{ name: 'restored', emptyDir: {} }, storageVolume],
    },
  };
}
