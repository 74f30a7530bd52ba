/** Reads what a decision about one StatefulSet's backups needs, and nothing else. */
import { isFinished, isRunning, isAnnounced } from '../domain/resources/backup-state.ts';
import { needsCatalogue } from './run.ts';
import { path } from '../domain/resources/api-paths.ts';
import { parseEach } from '../domain/resources/metadata.ts';
import { PgBackup } from '../domain/resources/pg-backup.ts';
import { backupsAfter, managersAfter } from '../platform/reconcile/previous-round.ts';
import { listHistory, listManagers, readNamespace } from '../platform/kubernetes/read.ts';
import { serverNow } from '../platform/kubernetes/client.ts';
import { listAll } from '../platform/kubernetes/list.ts';
import type { RoundContext, PreviousRound } from '../platform/reconcile/reconcile.ts';
import { locatePods, inspectPrimary, type PodReader } from '../platform/run/database-pods.ts';
import { logSkipped } from '../platform/kubernetes/list.ts';
import { podRef } from '../domain/commands/run-commands.ts';
import { type PodInspection } from '../domain/run/observed-run.ts';
import { queueOf, type Observation, settingsFor } from './observation.ts';

/** Which StatefulSet to reconcile, and why. */
export interface StatefulSetTarget {
  readonly namespace: string;
  readonly statefulSet: string;
  /** A PgBackup was deleted: the history has changed. */
  readonly deleted: boolean;
  /** True when the deleted PgBackup may still have a live run. */
  readonly mayRun: boolean;
  /** An observe timer woke us. */
  readonly ticked: boolean;
}

/** The catalogue exec may take 45 s and the activation 55 s: later than this (ms) it is left to the next activation. */
const catalogueLatestMs = 10_000;

type Known = Pick<Observation, 'open' | 'managers' | 'history'>;
type Base = Pick<Observation, 'now' | 'firstRound' | 'ticked' | 'namespace' | 'statefulSet'> & Known;

export async function gather(
  reader: PodReader,
  target: StatefulSetTarget,
  round: RoundContext<Observation>,
): Promise<Observation> {
  const { namespace, statefulSet, deleted, ticked } = target;
  const known = round.previous === undefined ? await readObjects(reader, target) : afterWrites(round.previous);
  const { open } = known;
  const history = deleted || open.some(isFinished) ? (known.history ?? (await listHistory(reader, target))) : undefined;
  const now = serverNow(reader.kube);
  const base: Base = { ...known, now, firstRound: round.firstRound, ticked, namespace, statefulSet, history };
  const subject = queueOf(open)[0];
  if (subject === undefined) return target.mayRun ? inspectCandidate(reader, base, undefined) : base;
  return isRunning(subject) ? inspectRun(reader, base, subject, round) : inspectCandidate(reader, base, subject);
}

async function readObjects(reader: PodReader, target: StatefulSetTarget): Promise<Known> {
  const open = await openBackups(reader, target);
  return { open, managers: await listManagers(reader, target) };
}

/** A PgBackup that was added or deleted meanwhile wakes this function by itself. */
function afterWrites(previous: PreviousRound<Observation>): Known {
  const { managers, open, history } = previous.observation;
  return {
    open: backupsAfter(open, previous).filter((backup) => !isAnnounced(backup)),
    managers: managersAfter(managers, previous),
    history: history === undefined ? undefined : backupsAfter(history, previous),
  };
}

function ofStatefulSet({ statefulSet }: Pick<Observation, 'statefulSet'>): { fieldSelector: string } {
  return { fieldSelector: `spec.selector.name=${statefulSet}` };
}

/** Field selectors keep the finished and announced ones, which are many, on the server. */
async function openBackups(reader: PodReader, of: Pick<Observation, 'namespace' | 'statefulSet'>): Promise<PgBackup[]> {
  const fieldSelector = `${ofStatefulSet(of).fieldSelector},status.announced!=success,status.announced!=error`;
  return parseEach(
    PgBackup,
    await listAll(reader.kube, path.backups(of.namespace), { fieldSelector }),
    logSkipped(reader.log),
  );
}

/** Inspects the pod in which the run was started, whichever pod is the primary now. */
async function inspectRun(
  reader: PodReader,
  base: Base,
  backup: PgBackup,
  round: RoundContext<Observation>,
): Promise<Observation> {
  const { executor } = backup.status;
  if (executor === undefined) return base;
  const pod = podRef(base.namespace, executor.pod);
  const answer = await reader.runner.inspect(pod, { id: backup.metadata.uid, kind: 'backup', dir: executor.directory });
  const podInspection: PodInspection = { container: executor, answer };
  const wanted = answer.ok && needsCatalogue(backup, answer.value) && round.elapsed <= catalogueLatestMs;
  return { ...base, podInspection, catalogue: wanted ? await reader.runner.catalogue(pod) : undefined };
}

/** Where the next one could start, and who holds the lock there. */
async function inspectCandidate(reader: PodReader, base: Base, subject: PgBackup | undefined): Promise<Observation> {
  const location = await locatePods(reader, base);
  if (location.found !== 'ready') return { ...base, location };
  const { directory: dir } = settingsFor(base.managers);
  const question = subject === undefined ? { dir } : { id: subject.metadata.uid, kind: 'backup' as const, dir };
  const podInspection = await inspectPrimary(reader, base, location.containers, question);
  const seen = { ...base, location, podInspection, open: await recheckHolder(reader, base, podInspection) };
  if (subject === undefined || !isFree(podInspection)) return seen;
  return { ...seen, namespaceIdentity: await readNamespace(reader, base.namespace) };
}

/** Nothing in the pod speaks against a start. */
function isFree(podInspection: PodInspection | undefined): boolean {
  if (podInspection?.answer.ok !== true) return false;
  const { holder, obstacle } = podInspection.answer.value;
  return holder === undefined && obstacle === undefined;
}

/** Lists PgBackups again after the lock holder was seen. A run has its PgBackup before its lock, so this list contains it unless it was deleted. */
async function recheckHolder(
  reader: PodReader,
  base: Base,
  podInspection: PodInspection | undefined,
): Promise<Observation['open']> {
  const holder = podInspection?.answer.ok === true ? podInspection.answer.value.holder : undefined;
  if (holder === undefined || holder === 'unknown' || holder.kind === 'rotation') return base.open;
  return openBackups(reader, base);
}
