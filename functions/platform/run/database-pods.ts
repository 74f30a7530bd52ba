/** Finding the database pod: reads what domain/run/location.ts judges, and asks several ready pods who is the primary. */
import { locate, type Location, type DatabaseContainer, type Workload } from '../../domain/run/location.ts';
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

/**
 * Inspects each ready database container and returns the answer of the primary. Without a primary, one that did not answer
 * may be it: returns that one, so that nothing is started beside it. Else returns the first.
 */
export async function inspectPrimary(
  reader: PodReader,
  subject: StatefulSetRef,
  containers: readonly DatabaseContainer[],
  question: Partial<RunAddress>,
): Promise<PodInspection | undefined> {
  const inspections: PodInspection[] = [];
  for (const container of containers) {
    inspections.push({
      container,
      answer: await reader.runner.inspect(podRef(subject.namespace, container.pod), question),
    });
  }
  const primary = inspections.find(({ answer }) => answer.ok && answer.value.role === 'primary');
  return primary ?? inspections.find(({ answer }) => !answer.ok) ?? inspections[0];
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
