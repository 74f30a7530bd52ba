/** What the functions read of PgManagers, PgBackups and Namespaces. */
import { path } from '../../domain/resources/api-paths.ts';
import { parseEach } from '../../domain/resources/metadata.ts';
import { Namespace, type NamespaceIdentity } from '../../domain/resources/namespace.ts';
import { PgBackup } from '../../domain/resources/pg-backup.ts';
import { PgManager } from '../../domain/resources/pg-manager.ts';
import { requestError } from '../../domain/request-error.ts';
import { namespaceForbiddenText } from '../../domain/run/obstacles.ts';
import type { Log } from '../log.ts';
import type { Kube } from './client.ts';
import { listAll, listPages, logSkipped } from './list.ts';

interface Reader {
  readonly kube: Kube;
  readonly log: Log;
}

/** Which StatefulSet; it need not exist. */
export interface StatefulSetRef {
  readonly namespace: string;
  readonly statefulSet: string;
}

/** Returns the manager as it is now; undefined when it is gone, or not as its CRD says. */
export async function readManager(
  { kube, log }: Reader,
  namespace: string,
  name: string,
): Promise<PgManager | undefined> {
  const object = await kube.get(path.manager(namespace, name));
  return object === undefined ? undefined : parseEach(PgManager, [object], logSkipped(log))[0];
}

/** Returns all PgManagers of a StatefulSet. */
export async function listManagers(
  { kube, log }: Reader,
  { namespace, statefulSet }: StatefulSetRef,
): Promise<PgManager[]> {
  const selection = { fieldSelector: `spec.selector.name=${statefulSet}` };
  return parseEach(PgManager, await listAll(kube, path.managers(namespace), selection), logSkipped(log));
}

/** Returns the UID of a Namespace. That it may not be read does not pass by itself, so it is an answer; all else is thrown. */
export async function readNamespace({ kube }: Pick<Reader, 'kube'>, namespace: string): Promise<NamespaceIdentity> {
  try {
    const found = Namespace.safeParse(await kube.get(path.namespace(namespace)));
    if (found.success) return { known: true, uid: found.data.metadata.uid };
    return { known: false, why: `Namespace ${namespace} is not there` };
  } catch (error) {
    if (!requestError.isForbidden(error)) throw error;
    return { known: false, why: namespaceForbiddenText((error as Error).message, namespace) };
  }
}

/** A message carries up to 32 KiB of log, so that a page is a few MiB at most. */
const pageSize = 100;

/**
 * Returns all PgBackups of a StatefulSet, finished or not. Of each message only the first line is kept, because there may
 * be thousands of PgBackups. None of them may be the source of a status that is written.
 */
export async function listHistory(
  { kube, log }: Reader,
  { namespace, statefulSet }: StatefulSetRef,
): Promise<PgBackup[]> {
  const selection = { fieldSelector: `spec.selector.name=${statefulSet}`, limit: pageSize };
  const history: PgBackup[] = [];
  for await (const items of listPages(kube, path.backups(namespace), selection)) {
    history.push(...parseEach(PgBackup, items, logSkipped(log)).map(withoutLog));
  }
  return history;
}

function withoutLog(backup: PgBackup): PgBackup {
  const { message } = backup.status;
  if (message === undefined) return backup;
  // A copy: a part of a string keeps the whole of it in memory.
  const firstLine = Buffer.from(message.split('\n', 1)[0] ?? '').toString();
  return { ...backup, status: { ...backup.status, message: firstLine } };
}
