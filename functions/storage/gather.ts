/** Probes one database and its storage. */
import { path } from '../domain/resources/api-paths.ts';
import { parseEach } from '../domain/resources/metadata.ts';
import { PgBackup } from '../domain/resources/pg-backup.ts';
import type { Holder } from '../domain/run/protocol.ts';
import { listManagers } from '../platform/kubernetes/read.ts';
import { listAll } from '../platform/kubernetes/list.ts';
import { locatePods, inspectPrimary, type PodReader } from '../platform/run/database-pods.ts';
import { logSkipped } from '../platform/kubernetes/list.ts';
import { podRef } from '../domain/commands/run-commands.ts';
import type { Finding, ProbedDatabase } from './finding.ts';

/** Finds the pod, probes storage from inside it, and asks whom a run that holds its lock belongs to. */
export async function probeStorage(reader: PodReader, subject: ProbedDatabase): Promise<Finding> {
  const location = await locatePods(reader, subject);
  if (location.found !== 'ready') return { subject, location };
  const answer = await probe(reader, subject, location.containers);
  const holder = answer?.result.ok === true ? answer.result.value.holder : undefined;
  return { subject, location, answer, orphan: await orphanOf(reader, subject, holder) };
}

/** With several ready pods the primary is asked, because backups are taken there. */
async function probe(
  reader: PodReader,
  subject: ProbedDatabase,
  containers: readonly { readonly pod: string; readonly podUID: string; readonly containerID: string }[],
): Promise<Finding['answer']> {
  const [only, ...others] = containers;
  if (only === undefined) return undefined;
  const { namespace, directory: dir } = subject;
  let { pod } = only;
  if (others.length > 0) {
    const inspection = await inspectPrimary(reader, subject, containers, { dir });
    if (inspection?.answer.ok === false) return { pod: inspection.container.pod, result: inspection.answer };
    pod = inspection?.container.pod ?? pod;
  }
  return { pod, result: await reader.runner.probe(podRef(namespace, pod), { dir }) };
}

/**
 * Lists taken after the holder was seen: a run has its PgBackup, or its place in `conditions.rotation`, before it has
 * the lock. So what answers for it is in the list, unless it was finished or deleted meanwhile.
 */
async function orphanOf(reader: PodReader, subject: ProbedDatabase, holder: Holder): Promise<Finding['orphan']> {
  if (holder === undefined || holder === 'unknown') return undefined;
  const answered =
    holder.kind === 'backup'
      ? (await unfinishedBackups(reader, subject)).some(({ metadata }) => metadata.uid === holder.id)
      : (await listManagers(reader, subject)).some(
          ({ status }) => status.conditions.rotation?.running?.id === holder.id,
        );
  return answered ? undefined : holder;
}

async function unfinishedBackups(reader: PodReader, { namespace, statefulSet }: ProbedDatabase): Promise<PgBackup[]> {
  const fieldSelector = `spec.selector.name=${statefulSet},status.state!=success,status.state!=error`;
  return parseEach(
    PgBackup,
    await listAll(reader.kube, path.backups(namespace), { fieldSelector }),
    logSkipped(reader.log),
  );
}
