/** A copy of a collection that a watch keeps up to date. */
import type { ApiClient } from './api-client.ts';
import { keyOf, type Stored } from './objects.ts';
import { watch, type Watch } from './watch.ts';

/** What happened to an object. A gap in the watch may hide steps in between: act on the state, not on the history. */
export interface Change<T extends Stored> {
  readonly type: 'present' | 'deleted';
  readonly object: T;
}

/** The live copy. */
export interface Informer<T extends Stored> {
  get(key: string): T | undefined;
  all(): T[];
  stop(): void;
}

/** The collection, and who hears of its changes. */
export interface Informed<T extends Stored> extends Pick<Watch<T>, 'path' | 'selection' | 'onTrouble' | 'onReady'> {
  /** Where the copy is kept, by `keyOf`; a map of its own unless given. */
  readonly objects?: Map<string, T>;
  readonly changed: (change: Change<T>) => void;
}

/** Starts to watch a collection; a kind that does not exist yet is waited for. */
export function startInformer<T extends Stored>(api: ApiClient, informed: Informed<T>): Informer<T> {
  const { objects = new Map<string, T>(), changed, ...watched } = informed;
  const stopping = new AbortController();

  function take(type: Change<T>['type'], object: T): void {
    if (type === 'deleted') objects.delete(keyOf(object));
    else objects.set(keyOf(object), object);
    changed({ type, object });
  }

  void watch<T>(api, {
    ...watched,
    signal: stopping.signal,
    onList(items) {
      const listed = new Set(items.map((item) => item.metadata.uid));
      for (const object of [...objects.values()]) if (!listed.has(object.metadata.uid)) take('deleted', object);
      for (const item of items) take('present', item);
    },
    onEvent: ({ type, object }) => take(type === 'DELETED' ? 'deleted' : 'present', object),
  });
  return {
    get: (key) => objects.get(key),
    all: () => [...objects.values()],
    stop: () => stopping.abort(),
  };
}
