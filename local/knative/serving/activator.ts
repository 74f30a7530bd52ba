/** The Knative Services of the cluster as functions that can be called. */
import { join } from 'node:path';
import { messageOf } from '../../machine/error-message.ts';
import type { Context } from '../core/context.ts';
import { serveFunction, type BundleOf, type FunctionState, type ServedFunction } from './function.ts';
import { keyOf } from '../../kubernetes/client/objects.ts';
import type { KnativeService } from '../core/objects.ts';
import { revisionOf } from './revision.ts';
import { boundEnvironment } from './sink-binding.ts';
import { writeStatus } from '../core/status.ts';

/** All functions. */
export interface Activator {
  /** Opens, changes and closes functions so that they fit the Services, and writes the statuses of these. */
  reconcile(): Promise<void>;
  /** The address of a Service by `namespace/name`. */
  url(key: string): string | undefined;
  functions(): FunctionState[];
  /** Ends every process and closes every address. */
  stop(): Promise<void>;
}

/** What the activator needs beside the context. */
export interface ActivatorOptions {
  readonly dir: string;
  readonly bundleOf: BundleOf;
}

/** Starts with no functions; `addressesChanged` is called when one got or lost its address. */
export function createActivator(context: Context, options: ActivatorOptions, addressesChanged: () => void): Activator {
  const functions = new Map<string, ServedFunction>();
  return {
    async reconcile() {
      for (const [key, served] of functions) {
        if (context.world.services.has(key)) continue;
        functions.delete(key);
        void served.stop();
        addressesChanged();
      }
      for (const service of context.world.services.values()) await reconcileOne(service);
    },
    url: (key) => functions.get(key)?.url,
    functions: () => [...functions.values()].map((served) => served.state()),
    async stop() {
      await Promise.all([...functions.values()].map((served) => served.stop()));
    },
  };

  async function reconcileOne(service: KnativeService): Promise<void> {
    try {
      const url = await serve(service);
      const fields = { url, address: { url } };
      await writeStatus(context, 'services', service, { fields });
    } catch (error) {
      const problem = { reason: 'RevisionFailed', message: messageOf(error) };
      await writeStatus(context, 'services', service, { problem, fields: {} });
    }
  }

  async function serve(service: KnativeService): Promise<string> {
    const key = keyOf(service);
    const revision = revisionOf(service, boundEnvironment(context, service));
    const served = functions.get(key);
    if (served !== undefined) {
      served.use(revision);
      return served.url;
    }
    const { namespace, name } = service.metadata;
    const dir = join(options.dir, namespace, name);
    const place = { namespace, name, dir, log: join(options.dir, namespace, `${name}.log`) };
    const opened = await serveFunction(context, place, revision, options.bundleOf);
    functions.set(key, opened);
    addressesChanged();
    return opened.url;
  }
}
