/** Names and labels that the whole product shares. */

export const group = 'aidbox.pg';
export const apiVersion = `${group}/v01`;

/** The container that wal-g runs in; part of the contract with users. */
export const containerName = 'postgres';

/** The Broker that all events pass through, in the namespace of the installation. */
export const brokerName = 'aidboxops';
export const installationNamespace = 'aidboxops';

export const label = {
  manager: 'aidbox.pg/manager',
  managerUid: 'aidbox.pg/manager-uid',
  statefulSet: 'aidbox.pg/statefulset',
  managedBy: 'app.kubernetes.io/managed-by',
} as const;

/** Annotation of a PgBackup made by a manager: its slot, RFC 3339. */
export const slotAnnotation = 'aidbox.pg/slot';

/** One field manager per function; all timers share one, so that any function may mend any timer. */
export const fieldManager = {
  schedule: 'aidboxops-schedule',
  backup: 'aidboxops-backup',
  rotation: 'aidboxops-rotation',
  storage: 'aidboxops-storage',
  timer: 'aidboxops-timer',
} as const;
