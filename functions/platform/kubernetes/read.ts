import { path } from '../../domain/resources/api-paths.ts';
import { parseEach } from '../../domain/resources/metadata.ts';
import { PgBackup } from '../../domain/resources/pg-backup.ts';
import type { Kube } from './client.ts';
import { listPages } from './list.ts';
import type { Log } from '../log.ts';
import { logSkipped, type StatefulSetRef } from '../run/database-pods.ts';

/** A message carries up to 32 KiB of log, so that a page is a few MiB at most. */
const pageSize = 100;

/**
 * All PgBackups of a StatefulSet, finished or not, to see what became of them: of each message only the first line is
 * kept, because there may be thousands. None of them may be the source of a status that is written.
 */
export async function listHistory(
  { kube, log }: { readonly kube: Kube; readonly log: Log },
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
