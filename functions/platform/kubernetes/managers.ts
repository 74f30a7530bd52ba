import { path } from '../../domain/resources/api-paths.ts';
import { parseEach } from '../../domain/resources/metadata.ts';
import { PgManager } from '../../domain/resources/pg-manager.ts';
import type { Kube } from './client.ts';
import type { Log } from '../log.ts';
import { logSkipped } from '../run/database-pods.ts';

/** The manager as it is now; undefined when it is gone, or not as its CRD says. */
export async function readManager(
  reader: { readonly kube: Kube; readonly log: Log },
  namespace: string,
  name: string,
): Promise<PgManager | undefined> {
  const object = await reader.kube.get(path.manager(namespace, name));
  return object === undefined ? undefined : parseEach(PgManager, [object], logSkipped(reader.log))[0];
}
