import type { PgBackup } from './pg-backup.ts';

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
  namespace: (namespace: string): string => `/api/v1/namespaces/${encodeURIComponent(namespace)}`,
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

/** The API path of a PgBackup; its CloudEvents name it as their source. */
export function apiPathOf({ metadata }: PgBackup): string {
  return path.backup(metadata.namespace, metadata.name);
}
