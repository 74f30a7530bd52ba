/** Reads what a decision about one StatefulSet's backups needs, and nothing else. */
import { isFinished, isRunning, isAnnounced, isWaitingForArchive } from '../domain/resources/backup-state.ts';
import { isProofDue } from './lost.ts';
import { isRestarted, needsCatalogue } from './run.ts';
import { databaseDown } from '../domain/run/obstacles.ts';
import { endingOf, mayAnswer, podLost } from '../domain/run/pod-lost.ts';
import type { Executor } from '../domain/resources/executor.ts';
import type { Holder } from '../domain/run/protocol.ts';
import { path } from '../domain/resources/api-paths.ts';
import { parseEach } from '../domain/resources/metadata.ts';
import { PgBackup } from '../domain/resources/pg-backup.ts';
import { backupsAfter, managersAfter } from '../platform/reconcile/previous-round.ts';
import { listHistory, listManagers, readNamespace } from '../platform/kubernetes/read.ts';
import { serverNow } from '../platform/kubernetes/client.ts';
import { listAll } from '../platform/kubernetes/list.ts';
import type { RoundContext, PreviousRound } from '../platform/reconcile/reconcile.ts';
import { findPrimary, readPod, type PodReader } from '../platform/run/database-pods.ts';
import { logSkipped } from '../platform/kubernetes/list.ts';
import { podRef } from '../domain/commands/run-commands.ts';
import { type PodInspection } from '../domain/run/observed-run.ts';
import { waitingOf } from './archive.ts';
import { queueOf, type LostRun, type Observation, settingsFor, type WaitingRun } from './observation.ts';

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
  return inspectPods({ reader, base, round }, target.mayRun);
}

/** What reading on needs. */
interface Search {
  readonly reader: PodReader;
  readonly base: Base;
  readonly round: RoundContext<Observation>;
}

/** The first of the queue whose pod is not lost is the one to decide about; a lost one holds nobody up. */
async function inspectPods(search: Search, mayRun: boolean): Promise<Observation> {
  const { base, reader } = search;
  const lost: LostRun[] = [];
  const waiting: WaitingRun[] = [];
  for (const backup of waitingOf(base.open)) waiting.push(await readWaiting(search, backup));
  for (const backup of queueOf(base.open)) {
    if (isWaitingForArchive(backup)) continue;
    if (!isRunning(backup)) return { ...(await inspectCandidate(reader, base, backup)), lost, waiting };
    const seen = await inspectRun(search, backup);
    if (!('why' in seen)) return { ...seen, lost, waiting };
    lost.push(seen);
  }
  return mayRun && lost.length === 0
    ? { ...(await inspectCandidate(reader, base, undefined)), waiting }
    : { ...base, lost, waiting };
}

/** In the pod of its run, which has its log, or else through the present primary: the storage is the same. */
async function readWaiting({ reader, base, round }: Search, backup: PgBackup): Promise<WaitingRun> {
  const { uid } = backup.metadata;
  const { executor } = backup.status;
  if (executor === undefined || round.elapsed > catalogueLatestMs) return { uid };
  const about = { id: uid, kind: 'backup' as const, dir: executor.directory };
  const answer = await reader.runner.inspect(podRef(base.namespace, executor.pod), about);
  if (answer.ok) {
    const catalogue = await reader.runner.catalogue(podRef(base.namespace, executor.pod), uid);
    return { uid, run: answer.value.run, catalogue };
  }
  const { podInspection } = await findPrimary(reader, base, {});
  if (podInspection?.answer.ok !== true) return { uid, catalogue: answer };
  return { uid, catalogue: await reader.runner.catalogue(podRef(base.namespace, podInspection.container.pod), uid) };
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

/**
 * Inspects the pod in which the run was started, whichever pod is the primary now. When it does not answer, Kubernetes
 * is asked for the reason. A pod that has been silent before is not tried again while nothing in it could answer.
 */
async function inspectRun(search: Search, backup: PgBackup): Promise<Observation | LostRun> {
  const { reader, base } = search;
  const { executor, unprovenSince } = backup.status;
  if (executor === undefined) return base;
  const before = unprovenSince === undefined ? undefined : await seePod(search, executor);
  if (before?.mayAnswer === false && before.why !== undefined) return lostRun(search, backup, before.why);
  const pod = podRef(base.namespace, executor.pod);
  const answer = await reader.runner.inspect(pod, { id: backup.metadata.uid, kind: 'backup', dir: executor.directory });
  const podInspection: PodInspection = { container: executor, answer };
  if (answer.ok) return readEnd(search, backup, { ...base, podInspection });
  const { why } = before ?? (await seePod(search, executor));
  return why === undefined ? { ...base, podInspection } : lostRun(search, backup, why);
}

/** What a run that answers needs for its end: the catalogue, and why another container answers. */
async function readEnd(search: Search, backup: PgBackup, seen: Observation): Promise<Observation> {
  const { reader, base, round } = search;
  const { executor } = backup.status;
  if (executor === undefined || seen.podInspection?.answer.ok !== true) return seen;
  const inspection = seen.podInspection.answer.value;
  const ending = isRestarted(backup, inspection) ? (await seePod(search, executor)).ending : undefined;
  const wanted = needsCatalogue(backup, inspection) && round.elapsed <= catalogueLatestMs;
  const pod = podRef(base.namespace, executor.pod);
  return { ...seen, ending, catalogue: wanted ? await reader.runner.catalogue(pod, backup.metadata.uid) : undefined };
}

interface SeenPod {
  readonly why: string | undefined;
  readonly ending: string | undefined;
  readonly mayAnswer: boolean;
}

async function seePod({ reader, base }: Search, executor: Executor): Promise<SeenPod> {
  const pod = await readPod(reader, base.namespace, executor.pod);
  return {
    why: podLost(pod, executor, base.now),
    ending: endingOf(pod, executor),
    mayAnswer: mayAnswer(pod, executor, base.now),
  };
}

/** A run that may have ended well before its pod was lost is searched in the catalogue, through the present primary. */
async function lostRun({ reader, base, round }: Search, backup: PgBackup, why: string): Promise<LostRun> {
  const uid = backup.metadata.uid;
  if (!isProofDue(backup, base.now)) return { uid, why };
  if (round.elapsed > catalogueLatestMs) return { uid, why, proof: 'noTime' };
  const { podInspection } = await findPrimary(reader, base, {});
  if (podInspection?.answer.ok !== true || databaseDown(podInspection.answer.value) !== undefined)
    return { uid, why, proof: 'noPrimary' };
  return { uid, why, proof: await reader.runner.catalogue(podRef(base.namespace, podInspection.container.pod), uid) };
}

/** Where the next one could start, and who holds the lock there. */
async function inspectCandidate(reader: PodReader, base: Base, subject: PgBackup | undefined): Promise<Observation> {
  const { directory: dir } = settingsFor(base.managers);
  const question = subject === undefined ? { dir } : { id: subject.metadata.uid, kind: 'backup' as const, dir };
  const { asked, location, podInspection } = await findPrimary(reader, base, question);
  const seen = { ...base, location, podInspection, asked, open: await recheckHolders(reader, base, asked) };
  if (subject === undefined || !isFree(podInspection)) return seen;
  return { ...seen, namespaceIdentity: await readNamespace(reader, base.namespace) };
}

/** Nothing in the pod speaks against a start. */
function isFree(podInspection: PodInspection | undefined): boolean {
  if (podInspection?.answer.ok !== true) return false;
  const { holder, obstacle } = podInspection.answer.value;
  return holder === undefined && obstacle === undefined;
}

/** Lists PgBackups again after a lock holder was seen. A run has its PgBackup before its lock, so this list contains it unless it was deleted. */
async function recheckHolders(
  reader: PodReader,
  base: Base,
  asked: readonly PodInspection[],
): Promise<Observation['open']> {
  const held = asked.some(({ answer }) => answer.ok && isBackup(answer.value.holder));
  return held ? openBackups(reader, base) : base.open;
}

function isBackup(holder: Holder): boolean {
  return holder !== undefined && holder !== 'unknown' && holder.kind === 'backup';
}
