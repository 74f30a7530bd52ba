/** The API server of a simulation: deletion of PingSources and of what an object owns takes its time. */
import { requestError } from '../../functions/domain/request-error.ts';
import { label } from '../../functions/domain/resources/names.ts';
import { rfc3339 } from '../../functions/domain/time.ts';
import { createApiModel, isFinal, type ApiModel, type Stored } from '../support/api-model.ts';
import type { Random } from './random.ts';
import type { Scheduler } from './scheduler.ts';

/** `seen` gets the answers that show a hard case. */
export function createApiServer(scheduler: Scheduler, random: Random, seen: (text: string) => void): ApiModel {
  const model = createApiModel({ now: () => scheduler.now() / 1000, newUid: () => uidFrom(random) });

  function isAlive(uid: string): boolean {
    return ['pgmanagers', 'pgbackups', 'statefulsets'].some((plural) =>
      model.all(plural).some(({ metadata }) => metadata.uid === uid),
    );
  }

  /** Dependents go some time after their owner. */
  function collectGarbage(owner: string): void {
    for (const { metadata } of model.all('pingsources')) {
      if (metadata.ownerReferences?.some(({ uid }) => uid === owner) !== true) continue;
      const path = `/apis/sources.knative.dev/v1/namespaces/${metadata.namespace}/pingsources/${metadata.name}`;
      scheduler.at(scheduler.now() + random.between(500, 30_000), () => void server.remove(path, metadata.uid));
    }
  }

  model.watch(({ verb, object: { metadata } }) => {
    if (verb === 'delete') collectGarbage(metadata.uid);
    const owners = verb === 'add' ? (metadata.ownerReferences ?? []) : [];
    for (const { uid } of owners) if (!isAlive(uid)) collectGarbage(uid);
  });

  const server: ApiModel = {
    ...model,
    apply: (path, object, options) => {
      try {
        return model.apply(path, object, options);
      } catch (error) {
        if (requestError.isConflict(error) && isFinal(model.get(path)!) && !isFinal(object))
          seen('stale write on a finished PgBackup');
        throw error;
      }
    },
    list: (path, selection) => {
      try {
        return model.list(path, selection);
      } catch (error) {
        seen('a list token has expired');
        throw error;
      }
    },
    create: (path, object) => {
      const made = model.create(path, object);
      const { metadata } = object as unknown as Stored;
      if (made === undefined && isSameSlot(model.get(`${path}/${metadata.name}`)!, metadata))
        seen('two activations make the same PgBackup');
      return made;
    },
    /** PingSources have a finalizer: they are seen as being deleted for a while. */
    remove: (path, uid) => {
      const found = model.get(path);
      if (found?.kind !== 'PingSource') return model.remove(path, uid);
      if (uid !== undefined && uid !== found.metadata.uid) return false;
      if (found.metadata.deletionTimestamp !== undefined) return true;
      const deletionTimestamp = rfc3339(scheduler.now() / 1000);
      model.edit(path, (object) => ({ ...object, metadata: { ...object.metadata, deletionTimestamp } }));
      scheduler.at(scheduler.now() + random.between(20, 4_000), () => void model.remove(path));
      return true;
    },
  };
  return server;
}

function isSameSlot({ metadata: one }: Stored, other: Stored['metadata']): boolean {
  const manager = one.labels?.[label.managerUid];
  return manager !== undefined && manager === other.labels?.[label.managerUid];
}

function uidFrom(random: Random): string {
  const part = (): string => random.between(0, 0xffff_ffff).toString(16).padStart(8, '0');
  return `${part()}-${part()}`;
}
