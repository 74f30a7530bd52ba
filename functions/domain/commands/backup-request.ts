import { path } from '../resources/api-paths.ts';
import type { PgManager } from '../resources/pg-manager.ts';
import { eventType, type OwnEvent } from '../events/cloud-event.ts';

/**
 * Requests that the backup function reconciles the StatefulSet of a PgManager because its status still names a PgBackup that
 * may be gone. With a UID as `name`, the function finds no PgBackup of that name and reads the history again.
 */
export function backupRequest(
  manager: PgManager,
  named: { readonly name: string; readonly uid: string },
  cause = manager.metadata.resourceVersion,
): OwnEvent {
  const { namespace } = manager.metadata;
  return {
    type: eventType.reconcileRequested,
    source: path.backup(namespace, named.name),
    id: `${cause}/backup/${named.uid}`,
    subject: `pgbackup/${namespace}/${named.name}`,
    extensions: { pgpurpose: 'backup' },
    data: { namespace, name: named.name, purpose: 'backup', statefulSet: manager.spec.selector.name },
  };
}
