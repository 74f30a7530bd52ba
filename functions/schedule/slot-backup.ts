import type { Manifest } from '../domain/resources/manifest.ts';
import { apiVersion, label, slotAnnotation } from '../domain/resources/names.ts';
import type { PgManager } from '../domain/resources/pg-manager.ts';
import { rfc3339, type UnixSeconds } from '../domain/time.ts';

/** The PgBackup of a slot. Without owner reference: deleting a manager deletes no history. */
export function buildPgBackup(manager: PgManager, slot: UnixSeconds): Manifest {
  const { name, namespace, uid } = manager.metadata;
  return {
    apiVersion,
    kind: 'PgBackup',
    metadata: {
      name: slotBackupName(name, slot),
      namespace,
      labels: {
        [label.manager]: name,
        [label.managerUid]: uid,
        [label.statefulSet]: manager.spec.selector.name,
      },
      annotations: { [slotAnnotation]: rfc3339(slot) },
    },
    spec: { selector: { name: manager.spec.selector.name } },
  };
}

/** `pg-manager-backup-at-2022-01-02t06-00-00z`: one slot, one name, so that two activations cannot make two. */
export function slotBackupName(manager: string, slot: UnixSeconds): string {
  return `${manager}-backup-at-${rfc3339(slot).toLowerCase().replaceAll(':', '-')}`;
}
