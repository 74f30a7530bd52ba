/** Reads what a decision about the rotation of one PgManager needs, and nothing else. */
import { deletingManager, rotationIsDue } from '../domain/resources/manager-state.ts';
import type { PgManager } from '../domain/resources/pg-manager.ts';
import { databaseDown } from '../domain/run/obstacles.ts';
import { podLost } from '../domain/run/pod-lost.ts';
import { rotationOf } from './condition.ts';
import { backupsAfter, managersAfter } from '../platform/reconcile/previous-round.ts';
import { listHistory, listManagers } from '../platform/kubernetes/read.ts';
import { serverNow } from '../platform/kubernetes/client.ts';
import type { RoundContext, PreviousRound } from '../platform/reconcile/reconcile.ts';
import { readManager, readNamespace } from '../platform/kubernetes/read.ts';
import { findPrimary, readPod, type PodReader } from '../platform/run/database-pods.ts';
import { podRef } from '../domain/commands/run-commands.ts';
import { type PodInspection } from '../domain/run/observed-run.ts';
import { rotationStateOf } from './state.ts';
import type { Observation } from './observation.ts';
import { isAlive, needsCatalogue } from './run.ts';

/** Which PgManager to reconcile. */
export interface ManagerTarget {
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

type Base = Omit<Observation, 'location' | 'podInspection' | 'podLost' | 'catalogue'>;

/** Undefined when the manager is gone or going. */
export async function gather(
  reader: PodReader,
  target: ManagerTarget,
  round: RoundContext<Observation>,
): Promise<Observation | undefined> {
  // In the first round the objects that triggered it are fresh. After a conflict they are stale.
  const seen = round.firstRound ? target.managers : undefined;
  const known = round.previous === undefined ? await readTarget(reader, target, seen) : afterWrites(round.previous);
  if (known === undefined || known.manager.metadata.deletionTimestamp !== undefined) return undefined;
  const { firstRound, elapsed } = round;
  const base: Base = {
    ...known,
    now: serverNow(reader.kube),
    firstRound,
    ticked: target.ticked,
    patient: elapsed < patienceMs,
  };
  const { manager } = base;
  if (!rotationIsDue(manager)) return base;
  if (rotationOf(manager).running !== undefined) return inspectRun(reader, base, round);
  const around = await readNeighbours(reader, base, seen);
  const state = rotationStateOf(around);
  if (state.kind !== 'due' || deletingManager(manager, around.managers)?.metadata.uid !== manager.metadata.uid)
    return around;
  return readForStart({ reader, base: around, round });
}

type Known = Pick<Observation, 'manager' | 'managers' | 'backups' | 'complete'>;

async function readTarget(
  reader: PodReader,
  { namespace, name }: ManagerTarget,
  seen: readonly PgManager[] | undefined,
): Promise<Known | undefined> {
  const manager = seen?.find(({ metadata }) => metadata.name === name) ?? (await readManager(reader, namespace, name));
  return manager && { manager, managers: [manager], backups: [], complete: false };
}

/**
 * Uses the list from before the catalogue was read. Otherwise a backup made in between would seem to have vanished. A backup
 * that starts in between waits for the lock.
 */
function afterWrites(previous: PreviousRound<Observation>): Known {
  const { manager, managers, backups, complete } = previous.observation;
  return {
    manager: managersAfter([manager], previous)[0] ?? manager,
    managers: managersAfter(managers, previous),
    backups: backupsAfter(backups, previous),
    complete,
  };
}

/** Once an activation. */
async function readNeighbours(reader: PodReader, base: Base, seen?: readonly PgManager[]): Promise<Base> {
  if (base.complete) return base;
  const { namespace } = base.manager.metadata;
  const statefulSet = base.manager.spec.selector.name;
  const managers = seen ?? (await listManagers(reader, { namespace, statefulSet }));
  const backups = await listHistory(reader, { namespace, statefulSet });
  return { ...base, now: serverNow(reader.kube), managers: managers.filter(isLive), backups, complete: true };
}

function isLive({ metadata }: PgManager): boolean {
  return metadata.deletionTimestamp === undefined;
}

/** Inspects the pod in which the run was started, whichever pod is the primary now. */
async function inspectRun(reader: PodReader, base: Base, round: RoundContext<Observation>): Promise<Observation> {
  const { running } = rotationOf(base.manager);
  if (running === undefined) return base;
  const { directory, pod: name } = running.executor;
  const pod = podRef(base.manager.metadata.namespace, name);
  const answer = await reader.runner.inspect(pod, { id: running.id, kind: 'rotation', dir: directory });
  const podInspection: PodInspection = { container: running.executor, answer };
  if (answer.ok && isAlive(answer.value)) return { ...base, podInspection };
  const around = await readNeighbours(reader, base);
  if (!answer.ok) {
    const found = await readPod(reader, pod.namespace, name);
    return { ...around, podInspection, podLost: podLost(found, running.executor, base.now) };
  }
  const wanted = needsCatalogue(answer.value) && round.elapsed <= catalogueLatestMs;
  return { ...around, podInspection, catalogue: wanted ? await reader.runner.catalogue(pod) : undefined };
}

/**
 * Inspects the pod again after the catalogue, which may take longer than a start stays valid. Nothing is lost between the
 * two, because the run compares the catalogue under the lock.
 */
async function readForStart({ reader, base, round }: Search): Promise<Observation> {
  const { manager } = base;
  const subject = { namespace: manager.metadata.namespace, statefulSet: manager.spec.selector.name };
  const question = { dir: manager.spec.backup.directory };
  const { location, podInspection } = await findPrimary(reader, subject, question);
  if (podInspection === undefined || !isFit(podInspection) || round.elapsed > catalogueLatestMs)
    return { ...base, location, podInspection };
  const pod = podRef(subject.namespace, podInspection.container.pod);
  const namespaceIdentity = await readNamespace(reader, subject.namespace);
  const catalogue = await reader.runner.catalogue(pod);
  const answer = await reader.runner.inspect(pod, question);
  return {
    ...base,
    now: serverNow(reader.kube),
    location,
    podInspection: { container: podInspection.container, answer },
    namespaceIdentity,
    catalogue,
  };
}

interface Search {
  readonly reader: PodReader;
  readonly base: Base;
  readonly round: RoundContext<Observation>;
}

function isFit({ answer }: PodInspection): boolean {
  if (!answer.ok) return false;
  const { holder, obstacle } = answer.value;
  return obstacle === undefined && holder === undefined && databaseDown(answer.value) === undefined;
}
