/** Reads exactly what a look at one StatefulSet's backups is decided from. */
import { isFinished, isRunning } from '../domain/backups.ts';
import { path } from '../domain/names.ts';
import { parseEach, PgBackup, PgManager } from '../domain/resources.ts';
import { listHistory } from '../platform/history.ts';
import { serverNow } from '../platform/kube.ts';
import { listAll } from '../platform/list.ts';
import type { Moment } from '../platform/look.ts';
import { locatePods, lookIntoPrimary, podRef, skip, type Look, type PodReader } from '../platform/pods.ts';
import { inTurn } from './decide.ts';
import type { Observation } from './observation.ts';
import { needsCatalogue } from './running.ts';
import { settingsFor } from './starting.ts';

/** Which StatefulSet to look at, and why. */
export interface Target {
  readonly namespace: string;
  readonly statefulSet: string;
  /** A PgBackup was deleted: its run may have to be stopped and the history has changed. */
  readonly deleted: boolean;
}

/** The catalogue exec may take 45 s and the activation 55 s: later than this (ms) it is left to the next activation. */
const catalogueLatestMs = 10_000;

type Base = Pick<Observation, 'now' | 'firstRound' | 'namespace' | 'statefulSet' | 'open' | 'managers' | 'history'>;

export async function gather(reader: PodReader, target: Target, moment: Moment): Promise<Observation> {
  const { namespace, statefulSet, deleted } = target;
  const open = await openBackups(reader, target);
  const managers = parseEach(
    PgManager,
    await listAll(reader.kube, path.managers(namespace), ofStatefulSet(target)),
    skip(reader.log),
  );
  const history = deleted || open.some(isFinished) ? await listHistory(reader, target) : undefined;
  const now = serverNow(reader.kube);
  const base: Base = { now, firstRound: moment.firstRound, namespace, statefulSet, open, managers, history };
  const subject = inTurn(open)[0];
  if (subject === undefined) return deleted ? lookAround(reader, base, undefined) : base;
  return isRunning(subject) ? lookAtRun(reader, base, subject, moment) : lookAround(reader, base, subject);
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
    skip(reader.log),
  );
}

/** A run is looked for where it was started, whichever pod is the primary now. */
async function lookAtRun(reader: PodReader, base: Base, backup: PgBackup, moment: Moment): Promise<Observation> {
  const { executor } = backup.status;
  if (executor === undefined) return base;
  const pod = podRef(base.namespace, executor.pod);
  const answer = await reader.runner.inspect(pod, { id: backup.metadata.uid, kind: 'backup', dir: executor.directory });
  const look: Look = { place: executor, answer };
  const wanted = answer.ok && needsCatalogue(backup, answer.value) && moment.elapsed <= catalogueLatestMs;
  return { ...base, look, catalogue: wanted ? await reader.runner.catalogue(pod) : undefined };
}

/** Where the next one could start, and who holds the lock there. */
async function lookAround(reader: PodReader, base: Base, subject: PgBackup | undefined): Promise<Observation> {
  const location = await locatePods(reader, base);
  if (location.found !== 'ready') return { ...base, location };
  const { directory: dir } = settingsFor(base.managers);
  const question = subject === undefined ? { dir } : { id: subject.metadata.uid, kind: 'backup' as const, dir };
  const look = await lookIntoPrimary(reader, base, location.places, question);
  return { ...base, location, look, open: await recheckHolder(reader, base, look) };
}

/** Whom the lock's holder belongs to is judged by a list taken after the holder was seen: it had a PgBackup before it had a lock. */
async function recheckHolder(reader: PodReader, base: Base, look: Look | undefined): Promise<Observation['open']> {
  const holder = look?.answer.ok === true ? look.answer.value.holder : undefined;
  if (holder === undefined || holder === 'unknown' || holder.kind === 'rotation') return base.open;
  return openBackups(reader, base);
}
