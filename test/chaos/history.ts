/** Every PgBackup that ever was, with all its states, as a watch of the API server saw them. */
import { isDeepStrictEqual } from 'node:util';
import { PgBackup } from '../../functions/domain/resources.ts';
import { label, path, slotAnnotation } from '../../functions/domain/names.ts';
import { follow } from '../../local/kubernetes/follow.ts';
import type { Stored } from '../../local/kubernetes/objects.ts';
import type { Rest } from '../../local/kubernetes/rest.ts';
import type { Life, Seen } from './seen.ts';

/** What the watch has seen. */
export interface History {
  /** Of one namespace, oldest first. */
  lives(namespace: string): readonly Life[];
  /** Resolves at the change that makes this true of one of them. */
  until(namespace: string, isTrue: (life: Life) => boolean): Promise<void>;
  stop(): void;
}

interface Listener {
  look(): void;
}

/** Begins to watch. */
export function watchHistory(rest: Rest): History {
  const lives = new Map<string, { namespace: string; life: Life }>();
  const listeners = new Set<Listener>();
  const followed = follow<Stored>(rest, path.backups(''), ({ type, object }) => {
    note(PgBackup.parse(object), type === 'deleted');
    for (const listener of [...listeners]) listener.look();
  });

  function note(backup: PgBackup, deleted: boolean): void {
    const { metadata } = backup;
    const before = lives.get(metadata.uid)?.life;
    const state = stateOf(backup);
    const isSame = isDeepStrictEqual(before?.states.at(-1), state);
    const life: Life = {
      uid: metadata.uid,
      name: metadata.name,
      created: metadata.creationTimestamp,
      slot: metadata.annotations[slotAnnotation],
      manager: metadata.labels[label.managerUid],
      states: [...(before?.states ?? []), ...(isSame ? [] : [state])],
      status: backup.status,
      deleted,
    };
    lives.set(metadata.uid, { namespace: metadata.namespace, life });
  }

  function of(namespace: string): Life[] {
    return [...lives.values()].filter((one) => one.namespace === namespace).map(({ life }) => life);
  }

  return {
    lives: of,
    until(namespace, isTrue) {
      return new Promise((resolve) => {
        const listener: Listener = {
          look() {
            if (!of(namespace).some(isTrue)) return;
            listeners.delete(listener);
            resolve();
          },
        };
        listeners.add(listener);
        listener.look();
      });
    },
    stop: () => followed.stop(),
  };
}

function stateOf({ status }: PgBackup): Seen['lives'][number]['states'][number] {
  return { state: status.state, finishTime: status.finishTime };
}
