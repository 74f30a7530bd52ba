/** Reads exactly what a look at one StatefulSet's backups is decided from. */
import { isFinished, isRunning } from '../domain/backups.ts';
import type { PodRef } from '../domain/commands.ts';
import { locate, type Place, type Surroundings } from '../domain/location.ts';
import { containerName, path } from '../domain/names.ts';
import type { Inspection } from '../domain/remote-run.ts';
import { parseEach, PgBackup, PgManager, Pod, StatefulSet } from '../domain/resources.ts';
import type { Kube } from '../platform/kube.ts';
import type { Log } from '../platform/log.ts';
import { listAll } from '../platform/list.ts';
import type { Runner } from '../platform/runner.ts';
import { inTurn } from './decide.ts';
import type { Answered, Observation } from './observation.ts';
import { needsCatalogue } from './running.ts';
import { settingsFor } from './starting.ts';

export interface Reader {
  readonly kube: Kube;
  readonly runner: Runner;
  readonly log: Log;
}

/** Which StatefulSet to look at, and why. */
export interface Target {
  readonly namespace: string;
  readonly statefulSet: string;
  /** A PgBackup was deleted: its run may have to be stopped and the history has changed. */
  readonly deleted: boolean;
}

/** The catalogue exec may take 45 s and the activation 55 s: later than this (ms) it is left to the next activation. */
const catalogueLatestMs = 10_000;

type Seen = NonNullable<Observation['look']>;

/** `elapsed` is the age of the activation in milliseconds; zero means its first round. */
export async function gather(
  reader: Reader,
  target: Target,
  elapsed: number,
  firstRound: boolean,
): Promise<Observation> {
  const open = await openBackups(reader, target);
  const managers = await managersOf(reader, target);
  const now = Math.floor(reader.kube.serverTime()?.toSeconds() ?? 0);
  const base = { now, firstRound, ...target, open, managers };
  const subject = inTurn(open)[0];
  const history = target.deleted || open.some(isFinished) ? await historyOf(reader, target) : undefined;
  if (subject === undefined)
    return target.deleted ? { ...base, history, ...(await lookAround(reader, base, undefined)) } : { ...base, history };
  if (!isRunning(subject)) return { ...base, history, ...(await lookAround(reader, base, subject)) };
  const look = await lookAtRun(reader, subject);
  const inspection = look?.answer.ok === true ? look.answer.value : undefined;
  const wanted = inspection !== undefined && needsCatalogue(subject, inspection) && elapsed <= catalogueLatestMs;
  const catalogue = wanted ? await reader.runner.catalogue(podRef(target, look?.place.pod ?? '')) : undefined;
  return { ...base, history, look, catalogue };
}

/** Field selectors keep the finished and announced ones, which are many, on the server. */
async function openBackups(reader: Reader, { namespace, statefulSet }: Target): Promise<PgBackup[]> {
  const fieldSelector = `spec.selector.name=${statefulSet},status.announced!=success,status.announced!=error`;
  return parseEach(PgBackup, await listAll(reader.kube, path.backups(namespace), { fieldSelector }), skip(reader.log));
}

async function historyOf(reader: Reader, { namespace, statefulSet }: Target): Promise<PgBackup[]> {
  const fieldSelector = `spec.selector.name=${statefulSet}`;
  return parseEach(PgBackup, await listAll(reader.kube, path.backups(namespace), { fieldSelector }), skip(reader.log));
}

async function managersOf(reader: Reader, { namespace, statefulSet }: Target): Promise<PgManager[]> {
  const fieldSelector = `spec.selector.name=${statefulSet}`;
  return parseEach(
    PgManager,
    await listAll(reader.kube, path.managers(namespace), { fieldSelector }),
    skip(reader.log),
  );
}

function skip(log: Log): (item: unknown, why: string) => void {
  return (item, why) =>
    log.warn('Object skipped: it is not as its CRD says', { object: (item as { metadata?: object }).metadata, why });
}

/** A run is looked for where it was started, whichever pod is the primary now. */
async function lookAtRun(reader: Reader, backup: PgBackup): Promise<Seen | undefined> {
  const { executor } = backup.status;
  if (executor === undefined) return undefined;
  const place: Place = { pod: executor.pod, podUID: executor.podUID, containerID: executor.containerID };
  const answer = await reader.runner.inspect(podRef(backup.metadata, executor.pod), {
    id: backup.metadata.uid,
    kind: 'backup',
    dir: executor.directory,
  });
  return { place, answer };
}

/** Finds the pod to start in; several ready ones are asked who is the primary. */
async function lookAround(
  reader: Reader,
  base: Pick<Observation, 'namespace' | 'statefulSet' | 'managers' | 'open'>,
  subject: PgBackup | undefined,
): Promise<Pick<Observation, 'location' | 'look' | 'open'>> {
  const location = locate(await surroundings(reader, base));
  if (location.found !== 'ready') return { location, open: base.open };
  const dir = settingsFor(base.managers).directory;
  const looks: Seen[] = [];
  for (const place of location.places) {
    const question = subject === undefined ? { dir } : { id: subject.metadata.uid, kind: 'backup' as const, dir };
    looks.push({ place, answer: await reader.runner.inspect(podRef(base, place.pod), question) });
  }
  const look = primaryOf(looks);
  return { location, look, open: await recheckHolder(reader, base, look) };
}

/** Whom the lock's holder belongs to is judged by a list taken after the holder was seen: it had a PgBackup before it had a lock. */
async function recheckHolder(
  reader: Reader,
  base: Pick<Observation, 'namespace' | 'statefulSet' | 'open'>,
  look: Seen | undefined,
): Promise<Observation['open']> {
  const holder = look?.answer.ok === true ? look.answer.value.holder : undefined;
  if (holder === undefined || holder === 'unknown' || holder.kind === 'rotation') return base.open;
  return openBackups(reader, { ...base, deleted: false });
}

function primaryOf(looks: readonly Seen[]): Seen | undefined {
  const isPrimary = ({ answer }: Seen): boolean =>
    answer.ok && (answer).value.role === 'primary';
  return looks.find(isPrimary) ?? looks[0];
}

async function surroundings(
  reader: Reader,
  { namespace, statefulSet: name }: Pick<Observation, 'namespace' | 'statefulSet'>,
): Promise<Surroundings> {
  const found = StatefulSet.safeParse(await reader.kube.get(path.statefulSet(namespace, name)));
  if (!found.success) {
    const others = parseEach(
      StatefulSet,
      (await reader.kube.list(path.statefulSets(namespace), { limit: 11 })).items,
      skip(reader.log),
    );
    return { namespace, statefulSetName: name, otherNames: others.map(({ metadata }) => metadata.name), pods: [] };
  }
  const labelSelector = Object.entries(found.data.spec.selector.matchLabels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
  const pods = parseEach(Pod, await listAll(reader.kube, path.pods(namespace), { labelSelector }), skip(reader.log));
  return { namespace, statefulSetName: name, statefulSet: found.data, otherNames: [], pods };
}

function podRef({ namespace }: { readonly namespace: string }, pod: string): PodRef {
  return { namespace, pod, container: containerName };
}
