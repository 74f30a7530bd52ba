/** Why nothing can be done in a pod, in words: the fact, then what to do. */
import type { BackupFailure } from '../failure-kinds.ts';
import type { Inspection, PodObstacle } from './protocol.ts';
import type { ServerRole } from './server-role.ts';

/** The API server's refusal names user, verb and resource; people need them in another order. */
export function forbiddenText(message: string, namespace: string): string {
  const [, account = 'of this function'] = /system:serviceaccount:([^\s"]+)/.exec(message) ?? [];
  const [, verb = 'get'] = /cannot (\w+) resource/.exec(message) ?? [];
  return `ServiceAccount ${account.replace(':', '/')} may not "${verb}" pods/exec in namespace ${namespace}. Apply the roles of eventing again (docs/reference/rbac.md). Check: kubectl auth can-i ${verb} pods --subresource=exec -n ${namespace}${actingAs(account)}`;
}

/** The same for the Namespace itself, whose UID distinguishes clusters. */
export function namespaceForbiddenText(message: string, namespace: string): string {
  const [, account = 'of this function'] = /system:serviceaccount:([^\s"]+)/.exec(message) ?? [];
  return `ServiceAccount ${account.replace(':', '/')} may not "get" Namespace ${namespace}. Apply the roles of eventing again (docs/reference/rbac.md). Check: kubectl auth can-i get namespace/${namespace} -n ${namespace}${actingAs(account)}`;
}

/** Returns the option of `kubectl auth can-i` for an account `namespace:name`; empty when the refusal names none. */
function actingAs(account: string): string {
  return account.includes(':') ? ` --as system:serviceaccount:${account}` : '';
}

/** What in the pod keeps wal-g from working. */
export function obstacleFailure(pod: string, obstacle: PodObstacle, directory: string): BackupFailure {
  switch (obstacle.kind) {
    case 'DirectoryNotCreatable':
      return {
        kind: 'NoPodAccess',
        text: `${/^uid \d+/.exec(obstacle.detail)?.[0] ?? 'the database user'} cannot create ${directory} in ${pod}. Mount a volume there or set spec.backup.directory.`,
      };
    case 'DirectoryFull':
      return {
        kind: 'NoPodAccess',
        text: `no space is left in ${directory} of ${pod}. Make room there or set spec.backup.directory.`,
      };
    case 'WrongUser':
      return {
        kind: 'NoPodAccess',
        text: `in ${pod} ${obstacle.detail}. wal-g must run as the owner of the data directory: run the container as that user, or as root with setpriv, gosu or su-exec.`,
      };
    case 'MissingTool':
      return { kind: 'NoPodAccess', text: `in ${pod} ${obstacle.detail}. Use an image that has it.` };
    case 'NoDataDirectory':
      return { kind: 'NoPodAccess', text: `in ${pod} ${obstacle.detail}. Set PGDATA in the container's environment.` };
    case 'NoWalg':
      return { kind: 'WalgError', text: `in ${pod} ${obstacle.detail}. Use an image with wal-g on its PATH.` };
  }
}

/** Why PostgreSQL takes no connection now, in words that follow a pod's name; undefined when nothing speaks against it. */
export function databaseDown({
  identity,
  role = 'primary',
  signal,
  stopping,
}: Pick<Inspection, 'identity' | 'stopping'> & Partial<Pick<Inspection, 'role' | 'signal'>>): string | undefined {
  if (role === 'singleUser') return down.singleUser;
  if (identity.postmaster === '') return signal === undefined ? down.down : `${down.down}, ${signal} is there`;
  return stopping ? down.stopping : down[role];
}

const down: Readonly<Record<ServerRole, string | undefined>> = {
  primary: undefined,
  standby: 'PostgreSQL is a standby',
  recovering: 'PostgreSQL is recovering',
  starting: 'PostgreSQL is starting',
  stopping: 'PostgreSQL is shutting down',
  singleUser: 'PostgreSQL runs for a single user',
  down: 'PostgreSQL is not up',
};
