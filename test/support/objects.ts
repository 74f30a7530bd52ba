/** PgManagers and PgBackups of a namespace, as a person with kubectl makes and reads them. */
import { PgBackup } from '../../functions/domain/resources/pg-backup.ts';
import { PgManager } from '../../functions/domain/resources/pg-manager.ts';
import { eventually } from './eventually.ts';

/** A namespace, and kubectl with the administrator's rights. */
export interface NamespaceAccess {
  readonly namespace: string;
  readonly kubectl: (...args: string[]) => Promise<string>;
  readonly apply: (...objects: object[]) => Promise<void>;
}

/** Returns access to a namespace. */
export function namespaceAccess(
  namespace: string,
  run: (args: readonly string[], input?: string) => Promise<string>,
): NamespaceAccess {
  return {
    namespace,
    kubectl: (...args) => run(args),
    async apply(...items) {
      await run(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
    },
  };
}

/** A PgManager to be. */
export interface ManagerShape {
  readonly name?: string;
  readonly statefulSet?: string;
  /** `HH:MM:SS`; a time that is hours away unless told otherwise. */
  readonly at?: string;
  readonly keep?: number;
  readonly rotation?: object;
  readonly backup?: object;
}

/** What a person does with them. */
export interface Objects {
  manager(shape?: ManagerShape): Promise<void>;
  /** A person's PgBackup, and its end. */
  backup(name: string, statefulSet?: string): Promise<void>;
  pgb(name: string): Promise<PgBackup | undefined>;
  pgbs(): Promise<PgBackup[]>;
  pgm(name?: string): Promise<PgManager>;
  /** Lists the names of the PgBackups of a StatefulSet, or of all. */
  backupNames(statefulSet?: string): Promise<string[]>;
  /** Merges a change into a PgManager. */
  patch(change: object, manager?: string): Promise<void>;
  /** Rewrites what the schedule function has recorded, as if time had been different. */
  feignSchedule(schedule: object): Promise<void>;
  finished(name: string, seconds?: number): Promise<PgBackup>;
  /** wal-g's name of the newest proved backup of `pg-manager`. */
  newest(): Promise<string>;
  /** Types and reasons of the Kubernetes Events about an object, such as `Warning NoPodAccess`, sorted. */
  events(uid: string): Promise<string[]>;
}

/** The objects of a namespace. */
export function objectsIn({ namespace, kubectl, apply }: NamespaceAccess, wait = eventually): Objects {
  const objects: Objects = {
    manager: (shape = {}) => apply(manager(namespace, shape)),
    backup: (backupName, statefulSetName = 'postgres') =>
      apply({
        apiVersion: 'aidbox.pg/v01',
        kind: 'PgBackup',
        metadata: { name: backupName, namespace },
        spec: { selector: { name: statefulSetName } },
      }),
    async pgb(backupName) {
      const text = await kubectl('get', 'pgb', '-n', namespace, backupName, '-o', 'json', '--ignore-not-found');
      return text === '' ? undefined : PgBackup.parse(JSON.parse(text));
    },
    async pgbs() {
      const list = JSON.parse(await kubectl('get', 'pgb', '-n', namespace, '-o', 'json')) as { items: unknown[] };
      return list.items.map((item) => PgBackup.parse(item));
    },
    async pgm(managerName = 'pg-manager') {
      return PgManager.parse(JSON.parse(await kubectl('get', 'pgm', '-n', namespace, managerName, '-o', 'json')));
    },
    async backupNames(statefulSet) {
      const backups = (await objects.pgbs()).filter(
        ({ spec }) => statefulSet === undefined || spec.selector.name === statefulSet,
      );
      return backups.map(({ metadata }) => metadata.name).sort();
    },
    async patch(change, managerName = 'pg-manager') {
      await kubectl('patch', 'pgm', '-n', namespace, managerName, '--type=merge', '-p', JSON.stringify(change));
    },
    async feignSchedule(schedule) {
      const asOwner = ['--subresource=status', '--type=merge', '--field-manager=aidboxops-schedule'];
      const status = JSON.stringify({ status: { schedule } });
      await kubectl('patch', 'pgm', '-n', namespace, 'pg-manager', ...asOwner, '-p', status);
    },
    finished: (backupName, seconds = 60) =>
      wait(
        `end of PgBackup ${backupName}`,
        async () => {
          const backup = await objects.pgb(backupName);
          return backup?.status.announced === backup?.status.state && backup?.status.finishTime !== undefined
            ? backup
            : undefined;
        },
        seconds,
      ),
    async newest() {
      const { lastSuccess } = (await objects.pgm()).status.conditions.backup ?? {};
      return (await objects.pgb(lastSuccess?.name ?? ''))?.status.backup?.name ?? '';
    },
    async events(uid) {
      const of = `involvedObject.uid=${uid}`;
      const text = await kubectl('get', 'events', '-n', namespace, '--field-selector', of, '-o', 'json');
      const { items } = JSON.parse(text) as { items: { type: string; reason: string }[] };
      return items.map(({ type, reason }) => `${type} ${reason}`).sort();
    },
  };
  return objects;
}

/** A time of day so many seconds from now, `HH:MM:SS` UTC. */
export function timeOfDay(secondsFromNow: number): string {
  return new Date(Date.now() + secondsFromNow * 1000).toISOString().slice(11, 19);
}

function manager(namespace: string, shape: ManagerShape): object {
  const { name = 'pg-manager', statefulSet: selected = 'postgres', at = timeOfDay(12 * 3600), keep = 30 } = shape;
  return {
    apiVersion: 'aidbox.pg/v01',
    kind: 'PgManager',
    metadata: { name, namespace },
    spec: {
      selector: { name: selected },
      backup: { numberToRetain: keep, at, ...shape.backup },
      ...(shape.rotation === undefined ? {} : { rotation: shape.rotation }),
    },
  };
}

/** Asks whether a user may do something, in the words of `kubectl auth can-i`; answers `yes` or `no`. */
export async function mayDo(
  { kubectl }: Pick<NamespaceAccess, 'kubectl'>,
  user: string,
  ...what: string[]
): Promise<string> {
  // "no" is also an exit code.
  return kubectl('auth', 'can-i', ...what, '--as', user).then(
    (answer) => answer.trim(),
    (error: Error & { stdout?: string }) => error.stdout?.trim() ?? error.message,
  );
}
