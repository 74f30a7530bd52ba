/** Names, labels and paths that the whole product shares. */
import { rfc3339, type UnixSeconds } from '../time.ts';

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

/** `pg-manager-backup-at-2022-01-02t06-00-00z`: one slot, one name, so that two activations cannot make two. */
export function slotBackupName(manager: string, slot: UnixSeconds): string {
  return `${manager}-backup-at-${rfc3339(slot).toLowerCase().replaceAll(':', '-')}`;
}

/** API paths. Names and namespaces come from parsed objects or events and are escaped all the same. */
export const path = {
  managers: (namespace: string): string => collection('aidbox.pg/v01', namespace, 'pgmanagers'),
  manager: (namespace: string, name: string): string => member(path.managers(namespace), name),
  backups: (namespace: string): string => collection('aidbox.pg/v01', namespace, 'pgbackups'),
  backup: (namespace: string, name: string): string => member(path.backups(namespace), name),
  timer: (namespace: string, name: string): string =>
    member(collection('sources.knative.dev/v1', namespace, 'pingsources'), name),
  statefulSets: (namespace: string): string => collection('apps/v1', namespace, 'statefulsets'),
  statefulSet: (namespace: string, name: string): string => member(path.statefulSets(namespace), name),
  pods: (namespace: string): string => `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods`,
  events: (namespace: string): string => `/api/v1/namespaces/${encodeURIComponent(namespace)}/events`,
} as const;

/** An empty namespace means all of them. */
function collection(version: string, namespace: string, plural: string): string {
  const scope = namespace === '' ? '' : `/namespaces/${encodeURIComponent(namespace)}`;
  return `/apis/${version}${scope}/${plural}`;
}

function member(parent: string, name: string): string {
  return `${parent}/${encodeURIComponent(name)}`;
}
