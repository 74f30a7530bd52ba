/** What watches of the API server have seen: every PgBackup that ever was with all its states, managers and timers as they are. */
import { isDeepStrictEqual } from 'node:util';
import { path } from '../../functions/domain/resources/api-paths.ts';
import { slotAnnotation } from '../../functions/domain/resources/names.ts';
import { PgBackup } from '../../functions/domain/resources/pg-backup.ts';
import { PgManager } from '../../functions/domain/resources/pg-manager.ts';
import type { ApiClient } from '../../local/kubernetes/client/api-client.ts';
import { startInformer, type Informer } from '../../local/kubernetes/client/informer.ts';
import type { Stored } from '../../local/kubernetes/client/objects.ts';
import type { BackupHistory } from './seen.ts';

/** By namespace. */
export interface History {
  /** Oldest first. */
  backups(namespace: string): readonly BackupHistory[];
  manager(namespace: string): PgManager | undefined;
  /** Names of PingSources. */
  timers(namespace: string): readonly string[];
  /** Another one after every write. */
  version(namespace: string): string;
  /** Resolves at the change that makes this true of a PgBackup. */
  until(namespace: string, isTrue: (backup: BackupHistory) => boolean): Promise<void>;
  stop(): void;
}

/** Begins to watch. */
export function watchHistory(api: ApiClient): History {
  const seen = new Map<string, { namespace: string; backup: BackupHistory }>();
  const listeners = new Set<() => void>();
  const backups = startInformer<Stored>(api, {
    path: path.backups(''),
    changed({ object, type }) {
      const backup = PgBackup.parse(object);
      const { namespace, uid } = backup.metadata;
      seen.set(uid, { namespace, backup: goneOn(seen.get(uid)?.backup, backup, type === 'deleted') });
      for (const listener of [...listeners]) listener();
    },
  });
  const [managers, timers] = [path.managers(''), '/apis/sources.knative.dev/v1/pingsources'].map((at) =>
    startInformer<Stored>(api, { path: at, changed: () => undefined }),
  ) as [Informer<Stored>, Informer<Stored>];

  function of(namespace: string): BackupHistory[] {
    return [...seen.values()].filter((one) => one.namespace === namespace).map(({ backup }) => backup);
  }

  return {
    backups: of,
    manager(namespace) {
      const [found] = inNamespace(managers, namespace);
      return found === undefined ? undefined : PgManager.parse(found);
    },
    timers: (namespace) => inNamespace(timers, namespace).map(({ metadata }) => metadata.name),
    version: (namespace) =>
      JSON.stringify(
        [backups, managers, timers].flatMap((kind) =>
          inNamespace(kind, namespace).map(({ metadata }) => [metadata.uid, metadata.resourceVersion]),
        ),
      ),
    until(namespace, isTrue) {
      return new Promise((resolve) => {
        const listener = (): void => {
          if (!of(namespace).some(isTrue)) return;
          listeners.delete(listener);
          resolve();
        };
        listeners.add(listener);
        listener();
      });
    },
    stop: () => [backups, managers, timers].forEach((kind) => kind.stop()),
  };
}

function inNamespace(informer: Informer<Stored>, namespace: string): Stored[] {
  return informer.all().filter(({ metadata }) => metadata.namespace === namespace);
}

/** Adds what a change says to the history of its backup. */
function goneOn(before: BackupHistory | undefined, { metadata, status }: PgBackup, deleted: boolean): BackupHistory {
  const state = { state: status.state, finishTime: status.finishTime };
  const isSame = isDeepStrictEqual(before?.states.at(-1), state);
  return {
    uid: metadata.uid,
    name: metadata.name,
    slot: metadata.annotations[slotAnnotation],
    states: [...(before?.states ?? []), ...(isSame ? [] : [state])],
    status,
    deleted,
  };
}
