/** Keeps the objects in memory up to date. */
import { messageOf } from '../../machine/error-message.ts';
import { startInformer } from '../../kubernetes/client/informer.ts';
import { collectionPath } from '../../kubernetes/client/objects.ts';
import type { Context } from './context.ts';
import { collections, type CollectionName } from './objects.ts';

/** Watches one collection in all namespaces; resolves when its stream is open, rejects when that takes too long. */
export function followCollection(
  context: Context,
  name: CollectionName,
  changed: () => void,
  timeoutMs: number,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const { apiVersion, plural } = collections[name];
  const path = collectionPath(apiVersion, plural);
  let trouble = 'no answer';
  const timer = setTimeout(() => {
    reject(new Error(`the API server does not list ${path} (are the Knative definitions applied?): ${trouble}`));
  }, timeoutMs);
  const informer = startInformer(context.api, {
    path,
    objects: context.world[name],
    changed,
    onTrouble(error) {
      trouble = messageOf(error);
    },
    onReady() {
      clearTimeout(timer);
      resolve();
    },
  });
  const stop = (): void => {
    clearTimeout(timer);
    informer.stop();
    resolve();
  };
  context.signal.addEventListener('abort', stop, { once: true });
  return promise;
}
