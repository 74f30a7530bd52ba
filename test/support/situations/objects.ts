/** Objects for tests: usual in everything but what a test says. Each step gives a new builder, so any may be shared. */
import { PgBackup } from '../../../functions/domain/resources/pg-backup.ts';
import { PgManager } from '../../../functions/domain/resources/pg-manager.ts';
import { rfc3339, type UnixSeconds } from '../../../functions/domain/time.ts';

type Plain = Readonly<Record<string, unknown>>;

/** What both kinds have in common. */
interface ObjectBuilder<B, T> {
  in(namespace: string): B;
  uid(uid: string): B;
  created(time: UnixSeconds): B;
  version(resourceVersion: string): B;
  labels(labels: Readonly<Record<string, string>>): B;
  annotations(annotations: Readonly<Record<string, string>>): B;
  /** Being deleted since this time. */
  deleting(time: UnixSeconds): B;
  /** Name of the StatefulSet. */
  of(statefulSet: string): B;
  /** As the API server stores it. */
  object(): Record<string, unknown>;
  /** As the functions parse it. */
  build(): T;
}

export interface ManagerBuilder extends ObjectBuilder<ManagerBuilder, PgManager> {
  at(at: string): ManagerBuilder;
  suspended(suspend?: boolean): ManagerBuilder;
  keeping(numberToRetain: number): ManagerBuilder;
  startingDeadline(seconds: number): ManagerBuilder;
  timeout(seconds: number): ManagerBuilder;
  directory(directory: string): ManagerBuilder;
  rotating(rotation: {
    readonly mode?: 'Enforce' | 'DryRun';
    readonly adopt?: boolean;
    readonly adoptFrom?: readonly string[];
  }): ManagerBuilder;
  /** `status.schedule`; replaces what was there. */
  schedule(status: Plain): ManagerBuilder;
  /** `status.conditions.<name>`; replaces what was there. */
  condition(name: 'backup' | 'rotation' | 'storage', condition: Plain): ManagerBuilder;
}

export interface BackupBuilder extends ObjectBuilder<BackupBuilder, PgBackup> {
  /** Merged into `status`. */
  status(status: Plain): BackupBuilder;
  /** `error` with this kind; its times are those of `status`. */
  failed(reason: string, message?: string): BackupBuilder;
  succeeded(finishTime: UnixSeconds): BackupBuilder;
  announced(): BackupBuilder;
}

/** 2022-01-02T06:00:00Z, the slot of the examples. */
export const slot: UnixSeconds = 1_641_103_200;

/** A daily backup at 06:00:00 of StatefulSet postgres in namespace shop, created the day before `slot`. */
export function aManager(name = 'pg-manager'): ManagerBuilder {
  return managerBuilder({
    ...bare('PgManager', name, slot - 86_400),
    spec: { selector: { name: 'postgres' }, backup: { numberToRetain: 30, at: '06:00:00' } },
  });
}

/** A PgBackup of StatefulSet postgres in namespace shop, created at `slot`. */
export function aBackup(name = 'manual-1'): BackupBuilder {
  return backupBuilder({ ...bare('PgBackup', name, slot), spec: { selector: { name: 'postgres' } } });
}

function bare(kind: string, name: string, created: UnixSeconds): Plain {
  return {
    apiVersion: 'aidbox.pg/v01',
    kind,
    metadata: {
      name,
      namespace: 'shop',
      uid: `uid-${name}`,
      resourceVersion: '1',
      creationTimestamp: rfc3339(created),
    },
  };
}

function managerBuilder(object: Plain): ManagerBuilder {
  const but = (change: Plain): ManagerBuilder => managerBuilder(merged(object, change));
  const backup = (change: Plain): ManagerBuilder => but({ spec: { backup: change } });
  return {
    ...common(object, managerBuilder),
    build: () => PgManager.parse(object),
    at: (at) => backup({ at }),
    suspended: (suspend = true) => backup({ suspend }),
    keeping: (numberToRetain) => backup({ numberToRetain }),
    startingDeadline: (startingDeadlineSeconds) => backup({ startingDeadlineSeconds }),
    timeout: (timeoutSeconds) => backup({ timeoutSeconds }),
    directory: (directory) => backup({ directory }),
    rotating: (rotation) => but({ spec: { rotation } }),
    schedule: (schedule) => managerBuilder(replaced(object, ['status', 'schedule'], schedule)),
    condition: (name, condition) => managerBuilder(replaced(object, ['status', 'conditions', name], condition)),
  };
}

function backupBuilder(object: Plain): BackupBuilder {
  const status = (change: Plain): BackupBuilder => backupBuilder(merged(object, { status: change }));
  return {
    ...common(object, backupBuilder),
    build: () => PgBackup.parse(object),
    status,
    failed: (reason, message = `${reason}: for a test`) => status({ state: 'error', reason, message }),
    succeeded: (finishTime) => status({ state: 'success', finishTime: rfc3339(finishTime) }),
    announced: () => status({ announced: (object['status'] as Plain | undefined)?.['state'] }),
  };
}

function common<B>(object: Plain, rebuilt: (object: Plain) => B): Omit<ObjectBuilder<B, never>, 'build'> {
  const metadata = (change: Plain): B => rebuilt(merged(object, { metadata: change }));
  return {
    in: (namespace) => metadata({ namespace }),
    uid: (uid) => metadata({ uid }),
    created: (time) => metadata({ creationTimestamp: rfc3339(time) }),
    version: (resourceVersion) => metadata({ resourceVersion }),
    labels: (labels) => metadata({ labels }),
    annotations: (annotations) => metadata({ annotations }),
    deleting: (time) => metadata({ deletionTimestamp: rfc3339(time) }),
    of: (name) => rebuilt(merged(object, { spec: { selector: { name } } })),
    object: () => structuredClone(object),
  };
}

/** Maps are merged, everything else is replaced. */
function merged(base: Plain, change: Plain): Record<string, unknown> {
  const result: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(change)) {
    const old = result[key];
    result[key] = isPlain(old) && isPlain(value) ? merged(old, value) : value;
  }
  return result;
}

function replaced(object: Plain, [first, ...rest]: readonly string[], value: unknown): Plain {
  if (first === undefined) return object;
  const inner = object[first];
  return { ...object, [first]: rest.length === 0 ? value : replaced(isPlain(inner) ? inner : {}, rest, value) };
}

function isPlain(value: unknown): value is Plain {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
