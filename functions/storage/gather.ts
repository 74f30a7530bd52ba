/** Looks at one database and its storage. */
import { path } from '../domain/resources/api-paths.ts';
import { parseEach } from '../domain/resources/metadata.ts';
import { PgBackup } from '../domain/resources/pg-backup.ts';
import { PgManager } from '../domain/resources/pg-manager.ts';
import type { Holder } from '../domain/run/protocol.ts';
import { listAll } from '../platform/kubernetes/list.ts';
import { locatePods, lookIntoPrimary, podRef, skip, type PodReader } from '../platform/run/database-pods.ts';
import type { Finding, Subject } from './finding.ts';

/** Finds the pod, probes storage from inside it, and asks whom a run that holds its lock belongs to. */
export async function lookAt(reader: PodReader, subject: Subject): Promise<Finding> {
  const location = await locatePods(reader, subject);
  if (location.found !== 'ready') return { subject, location };
  const answer = await probe(reader, subject, location.places);
  const holder = answer?.result.ok === true ? answer.result.value.holder : undefined;
  return { subject, location, answer, orphan: await orphanOf(reader, subject, holder) };
}

/** With several ready pods the primary is asked, because backups are taken there. */
async function probe(
  reader: PodReader,
  subject: Subject,
  places: readonly { readonly pod: string; readonly podUID: string; readonly containerID: string }[],
): Promise<Finding['answer']> {
  const [only, ...others] = places;
  if (only === undefined) return undefined;
  const { namespace, directory: dir } = subject;
  let { pod } = only;
  if (others.length > 0) {
    const look = await lookIntoPrimary(reader, subject, places, { dir });
    if (look?.answer.ok === false) return { pod: look.place.pod, result: look.answer };
    pod = look?.place.pod ?? pod;
  }
  return { pod, result: await reader.runner.probe(podRef(namespace, pod), { dir }) };
}

/**
 * Lists taken after the holder was seen: a run has its PgBackup, or its place in `conditions.rotation`, before it has
 * the lock. So what answers for it is in the list, unless it was finished or deleted meanwhile.
 */
async function orphanOf(reader: PodReader, subject: Subject, holder: Holder): Promise<Finding['orphan']> {
  if (holder === undefined || holder === 'unknown') return undefined;
  const answered =
    holder.kind === 'backup'
      ? (await unfinishedBackups(reader, subject)).some(({ metadata }) => metadata.uid === holder.id)
      : (await managersOf(reader, subject)).some(({ status }) => status.conditions.rotation?.running?.id === holder.id);
  return answered ? undefined : holder;
}

async function unfinishedBackups(reader: PodReader, { namespace, statefulSet }: Subject): Promise<PgBackup[]> {
  const fieldSelector = `spec.selector.name=${statefulSet},status.state!=success,status.state!=error`;
  return parseEach(PgBackup, await listAll(reader.kube, path.backups(namespace), { fieldSelector }), skip(reader.log));
}

async function managersOf(reader: PodReader, { namespace, statefulSet }: Subject): Promise<PgManager[]> {
  const fieldSelector = `spec.selector.name=${statefulSet}`;
  return parseEach(
    PgManager,
    await listAll(reader.kube, path.managers(namespace), { fieldSelector }),
    skip(reader.log),
  );
}
