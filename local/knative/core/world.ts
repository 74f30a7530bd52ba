/** Keeps the objects in memory up to date. */
import { messageOf, type Context } from './context.ts';
import { collectionPath, collections, keyOf, type CollectionName, type Stored } from './objects.ts';
import { watch } from './watch.ts';

/** Follows one collection in all namespaces; resolves when it has been seen once, rejects when that takes too long. */
export function followCollection(
  context: Context,
  name: CollectionName,
  changed: () => void,
  timeoutMs: number,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const { apiVersion, plural } = collections[name];
  const path = collectionPath(apiVersion, plural);
  const objects = context.world[name] as Map<string, Stored>;
  let trouble = 'no answer';
  const timer = setTimeout(() => {
    reject(new Error(`the API server does not list ${path} (are the Knative definitions applied?): ${trouble}`));
  }, timeoutMs);
  context.signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
  void watch(context.api, {
    path,
    signal: context.signal,
    onList(items) {
      objects.clear();
      for (const item of items) objects.set(keyOf(item), item);
      changed();
    },
    onEvent({ type, object }) {
      if (type === 'DELETED') objects.delete(keyOf(object));
      else objects.set(keyOf(object), object);
      changed();
    },
    onTrouble(error) {
      trouble = messageOf(error);
    },
    onReady() {
      clearTimeout(timer);
      resolve();
    },
  });
  return promise;
}
