/** Reads exactly what a look at the rotation of one PgManager is decided from. */
import { path } from '../domain/resources/api-paths.ts';
import { rotationOwed } from '../domain/resources/manager-state.ts';
import { parseEach } from '../domain/resources/metadata.ts';
import type { PgBackup } from '../domain/resources/pg-backup.ts';
import { PgManager } from '../domain/resources/pg-manager.ts';
import { databaseDown } from '../domain/run/obstacles.ts';
import { rotationOf } from './condition.ts';
import { backupsAfter, managersAfter } from '../platform/reconcile/previous-round.ts';
import { listHistory } from '../platform/kubernetes/read.ts';
import { serverNow } from '../platform/kubernetes/client.ts';
import { listAll } from '../platform/kubernetes/list.ts';
import type { Moment } from '../platform/reconcile/look.ts';
import { readManager } from '../platform/kubernetes/managers.ts';
import type { Earlier } from '../platform/reconcile/reconcile.ts';
import {
  locatePods,
  lookIntoPrimary,
  podRef,
  skip,
  type Look,
  type PodReader,
  type Subject,
} from '../platform/run/database-pods.ts';
import { stanceOf } from './decide.ts';
import type { Observation } from './observation.ts';
import { isAlive, needsCatalogue } from './run.ts';

/** Which PgManager to look at. */
export interface Target {
  readonly namespace: string;
  readonly name: string;
  /** All with its selector, where they had to be read to find it. */
  readonly managers?: readonly PgManager[];
  /** The rotation timer woke us. */
  readonly ticked: boolean;
}

/** The catalogue exec may take 45 s and the activation 55 s: later than this (ms) it is left to the next activation. */
const catalogueLatestMs = 10_000;
/** Until then (ms) a lock that is held is waited for; somewhat less than a waiting activation lasts. */
const patienceMs = 8_000;

type Base = Omit<Observation, 'location' | 'look' | 'catalogue'>;

/** Undefined when the manager is gone or going. */
export async function gather(
  reader: PodReader,
  target: Target,
  moment: Moment<Observation>,
): Promise<Observation | undefined> {
  // What brought us here is as fresh as a look; after a conflict it is what was wrong.
  const seen = moment.firstRound ? target.managers : undefined;
  const known = moment.earlier === undefined ? await readTarget(reader, target, seen) : afterWrites(moment.earlier);
  if (known === undefined || known.manager.metadata.deletionTimestamp !== undefined) return undefined;
  const { firstRound, elapsed } = moment;
  const base: Base = {
    ...known,
    now: serverNow(reader.kube),
    firstRound,
    ticked: target.ticked,
    patient: elapsed < patienceMs,
  };
  const { manager } = base;
  if (!rotationOwed(manager)) return base;
  if (rotationOf(manager).running !== undefined) return lookAtRun(reader, base, moment);
  const around = await readAround(reader, base, seen);
  const stance = stanceOf(around);
  if (stance.kind !== 'due' || around.managers.length > 1) return around;
  return lookForStart({ reader, base: around, moment }, stance.success);
}

type Known = Pick<Observation, 'manager' | 'managers' | 'backups' | 'complete'>;

async function readTarget(
  reader: PodReader,
  { namespace, name }: Target,
  seen: readonly PgManager[] | undefined,
): Promise<Known | undefined> {
  const manager = seen?.find(({ metadata }) => metadata.name === name) ?? (await readManager(reader, namespace, name));
  return manager && { manager, managers: [manager], backups: [], complete: false };
}

/**
 * A list from before the catalogue was read: a backup that came after it cannot look like one that has vanished. One
 * that begins meanwhile meets the lock.
 */
function afterWrites(earlier: Earlier<Observation>): Known {
  const { manager, managers, backups, complete } = earlier.observation;
  return {
    manager: managersAfter([manager], earlier)[0] ?? manager,
    managers: managersAfter(managers, earlier),
    backups: backupsAfter(backups, earlier),
    complete,
  };
}

/** Once an activation. */
async function readAround(reader: PodReader, base: Base, seen?: readonly PgManager[]): Promise<Base> {
  if (base.complete) return base;
  const { namespace } = base.manager.metadata;
  const statefulSet = base.manager.spec.selector.name;
  const managers = seen ?? (await managersOf(reader, namespace, statefulSet));
  const backups = await listHistory(reader, { namespace, statefulSet });
  return { ...base, now: serverNow(reader.kube), managers: managers.filter(isLive), backups, complete: true };
}

/** All with this selector. */
export async function managersOf(
  { kube, log }: Pick<PodReader, 'kube' | 'log'>,
  namespace: string,
  statefulSet: string,
): Promise<PgManager[]> {
  const selection = { fieldSelector: `spec.selector.name=${statefulSet}` };
  return parseEach(PgManager, await listAll(kube, path.managers(namespace), selection), skip(log));
}

function isLive({ metadata }: PgManager): boolean {
  return metadata.deletionTimestamp === undefined;
}

/** A run is looked for where it was started, whichever pod is the primary now. */
async function lookAtRun(reader: PodReader, base: Base, moment: Moment<Observation>): Promise<Observation> {
  const { running } = rotationOf(base.manager);
  if (running === undefined) return base;
  const { directory, pod: name } = running.executor;
  const pod = podRef(base.manager.metadata.namespace, name);
  const answer = await reader.runner.inspect(pod, { id: running.id, kind: 'rotation', dir: directory });
  const look: Look = { place: running.executor, answer };
  if (answer.ok && isAlive(answer.value)) return { ...base, look };
  const around = await readAround(reader, base);
  const wanted = answer.ok && needsCatalogue(answer.value) && moment.elapsed <= catalogueLatestMs;
  return { ...around, look, catalogue: wanted ? await reader.runner.catalogue(pod) : undefined };
}

/**
 * The place is looked into again after the catalogue, which may take longer than a start stays valid. Between the two
 * nothing is lost: the run compares the catalogue under the lock.
 */
async function lookForStart({ reader, base, moment }: Search, success: PgBackup): Promise<Observation> {
  const { manager } = base;
  const subject = { namespace: manager.metadata.namespace, statefulSet: manager.spec.selector.name };
  const question = { dir: manager.spec.backup.directory };
  const { location, look } =
    (await lookWhereItRan(reader, success, question)) ?? (await lookAround(reader, subject, question));
  if (look === undefined || !isFit(look) || moment.elapsed > catalogueLatestMs) return { ...base, location, look };
  const pod = podRef(subject.namespace, look.place.pod);
  const catalogue = await reader.runner.catalogue(pod);
  const answer = await reader.runner.inspect(pod, question);
  return { ...base, now: serverNow(reader.kube), location, look: { place: look.place, answer }, catalogue };
}

interface Search {
  readonly reader: PodReader;
  readonly base: Base;
  readonly moment: Moment<Observation>;
}

type Found = Pick<Observation, 'location' | 'look'>;

async function lookAround(reader: PodReader, subject: Subject, question: { dir: string }): Promise<Found> {
  const location = await locatePods(reader, subject);
  if (location.found !== 'ready') return { location };
  return { location, look: await lookIntoPrimary(reader, subject, location.places, question) };
}

/** A moment ago the primary was where the backup ran: while it is the same container still, nothing has to be searched. */
async function lookWhereItRan(
  reader: PodReader,
  { metadata, status }: PgBackup,
  question: { dir: string },
): Promise<Found | undefined> {
  const { executor } = status;
  if (executor === undefined) return undefined;
  const { pod, podUID, containerID, ...pinned } = executor;
  const answer = await reader.runner.inspect(podRef(metadata.namespace, pod), question);
  if (!answer.ok || answer.value.role !== 'primary') return undefined;
  const { host, ticks, boot } = answer.value.identity;
  if (host !== pinned.host || ticks !== pinned.ticks || boot !== pinned.boot) return undefined;
  const place = { pod, podUID, containerID };
  return { location: { found: 'ready', places: [place] }, look: { place, answer } };
}

function isFit({ answer }: Look): boolean {
  if (!answer.ok) return false;
  const { holder, obstacle } = answer.value;
  return obstacle === undefined && holder === undefined && databaseDown(answer.value) === undefined;
}
