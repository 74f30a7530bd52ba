/** Finding the database pod: reads what domain/run/location.ts judges, and asks what domain/run/primary.ts chooses from. */
import { locate, type Location, type DatabaseContainer, type Workload } from '../../domain/run/location.ts';
import { choosePrimary, isPrimary, type Chosen } from '../../domain/run/primary.ts';
import { path } from '../../domain/resources/api-paths.ts';
import { parseEach } from '../../domain/resources/metadata.ts';
import { Pod, StatefulSet } from '../../domain/resources/workloads.ts';
import type { RunAddress } from '../../domain/run/protocol.ts';
import type { Kube } from '../kubernetes/client.ts';
import { listAll, logSkipped } from '../kubernetes/list.ts';
import type { Log } from '../log.ts';
import type { Runner } from './runner.ts';
import type { PodInspection } from '../../domain/run/observed-run.ts';
import { podRef } from '../../domain/commands/run-commands.ts';
import type { StatefulSetRef } from '../kubernetes/read.ts';

export interface PodReader {
  readonly kube: Kube;
  readonly runner: Runner;
  readonly log: Log;
}

/** Finds the database containers of a StatefulSet, or why there is none now. */
export async function locatePods(reader: PodReader, subject: StatefulSetRef): Promise<Location> {
  return locate(await readWorkload(reader, subject));
}

/** Where to work, and what every pod said that was asked. */
export interface FoundPrimary extends Chosen {
  readonly asked: readonly PodInspection[];
}

/** How long (ms) a pod may keep everybody waiting once another has said that it is the primary. */
const silenceMs = 5_000;

/** Finds the one pod to work in. The pods that are not ready are asked only when they have something to explain. */
export async function findPrimary(
  reader: PodReader,
  subject: StatefulSetRef,
  question: Partial<RunAddress>,
): Promise<FoundPrimary> {
  const location = await locatePods(reader, subject);
  return location.found === 'ready' ? choosePod({ reader, subject, question }, location) : { location, asked: [] };
}

/** The same, where the pods are located already. */
export async function choosePod(
  inquiry: Inquiry,
  { containers, others = [] }: Pick<Extract<Location, { found: 'ready' }>, 'containers' | 'others'>,
): Promise<FoundPrimary> {
  const ready = await askAll(inquiry, containers);
  if (ready.some(isPrimary)) return { ...choosePrimary({ ready, others }), asked: ready };
  const running = others.flatMap(({ container }) => container ?? []);
  const unready = await askAll(inquiry, running);
  const explained = others.map((other) => ({
    ...other,
    inspection: unready.find(({ container }) => container === other.container),
  }));
  return { ...choosePrimary({ ready, others: explained }), asked: [...ready, ...unready] };
}

/** Whom to ask what. */
export interface Inquiry {
  readonly reader: PodReader;
  readonly subject: StatefulSetRef;
  readonly question: Partial<RunAddress>;
}

/** Asks all at once, because one whose node has died takes 20 s to answer nothing. */
async function askAll(inquiry: Inquiry, containers: readonly DatabaseContainer[]): Promise<PodInspection[]> {
  const answers = containers.map((container) => ask(inquiry, container));
  let patience: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => {
    const limit = (inspection: PodInspection): void => {
      if (isPrimary(inspection)) patience ??= setTimeout(resolve, silenceMs);
    };
    for (const answer of answers) answer.then(limit, () => undefined);
  });
  try {
    return await Promise.all(
      answers.map((answer, at) => Promise.race([answer, over.then(() => silent(containers[at]!))])),
    );
  } finally {
    clearTimeout(patience);
  }
}

async function ask({ question, reader, subject }: Inquiry, container: DatabaseContainer): Promise<PodInspection> {
  return { container, answer: await reader.runner.inspect(podRef(subject.namespace, container.pod), question) };
}

function silent(container: DatabaseContainer): PodInspection {
  return { container, answer: { ok: false, problem: { kind: 'timeout', message: 'no answer in time' } } };
}

/** Reads the pod of a run; undefined when there is none of its name. */
export async function readPod(reader: PodReader, namespace: string, name: string): Promise<Pod | undefined> {
  const selection = { fieldSelector: `metadata.name=${name}` };
  return parseEach(Pod, await listAll(reader.kube, path.pods(namespace), selection), logSkipped(reader.log))[0];
}

async function readWorkload(reader: PodReader, { namespace, statefulSet: name }: StatefulSetRef): Promise<Workload> {
  const found = StatefulSet.safeParse(await reader.kube.get(path.statefulSet(namespace, name)));
  if (!found.success) {
    const page = await reader.kube.list(path.statefulSets(namespace), { limit: 11 });
    const others = parseEach(StatefulSet, page.items, logSkipped(reader.log));
    return { namespace, statefulSetName: name, otherNames: others.map(({ metadata }) => metadata.name), pods: [] };
  }
  const labelSelector = Object.entries(found.data.spec.selector.matchLabels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
  const pods = parseEach(
    Pod,
    await listAll(reader.kube, path.pods(namespace), { labelSelector }),
    logSkipped(reader.log),
  );
  return { namespace, statefulSetName: name, statefulSet: found.data, otherNames: [], pods };
}
