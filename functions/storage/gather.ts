/** Probes one database and its storage. */
import { path } from '../domain/resources/api-paths.ts';
import { parseEach } from '../domain/resources/metadata.ts';
import { PgBackup } from '../domain/resources/pg-backup.ts';
import type { Holder } from '../domain/run/protocol.ts';
import { listManagers } from '../platform/kubernetes/read.ts';
import { listAll } from '../platform/kubernetes/list.ts';
import { choosePod, locatePods, type PodReader } from '../platform/run/database-pods.ts';
import { logSkipped } from '../platform/kubernetes/list.ts';
import { podRef } from '../domain/commands/run-commands.ts';
import type { Chosen } from '../domain/run/primary.ts';
import type { Finding, ProbedDatabase } from './finding.ts';

/** Finds the pod, probes storage from inside it, and asks whom a run that holds its lock belongs to. */
export async function probeStorage(reader: PodReader, subject: ProbedDatabase): Promise<Finding> {
  const found = await findContainer(reader, subject);
  const { location } = found;
  const answer = await probe(reader, subject, found);
  const holder = answer?.result.ok === true ? answer.result.value.holder : undefined;
  return { subject, location, answer, orphan: await orphanOf(reader, subject, holder) };
}

/** With several pods the primary is asked, because backups are taken there. A single one is probed whatever its server does. */
async function findContainer(reader: PodReader, subject: ProbedDatabase): Promise<Chosen> {
  const location = await locatePods(reader, subject);
  if (location.found !== 'ready') return { location };
  const { containers, others = [] } = location;
  if (containers.length === 1 && others.length === 0) return { location };
  return choosePod({ reader, subject, question: { dir: subject.directory } }, location);
}

async function probe(
  reader: PodReader,
  { directory: dir, namespace }: ProbedDatabase,
  { location, podInspection }: Chosen,
): Promise<Finding['answer']> {
  const container = location.found === 'ready' ? location.containers[0] : undefined;
  if (container === undefined) return undefined;
  const { pod } = container;
  if (podInspection?.answer.ok === false) return { pod, result: podInspection.answer };
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
