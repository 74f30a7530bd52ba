/** Which pod of a StatefulSet is the primary: exactly one that is ready and in production. No side effects. */
import type { Location, UnreadyPod } from './location.ts';
import type { PodInspection } from './observed-run.ts';
import type { Inspection } from './protocol.ts';
import type { ServerRole } from './server-role.ts';

/** The pods of a StatefulSet, and what those said that were asked. */
export interface AskedPods {
  readonly ready: readonly PodInspection[];
  /** What they say only explains. */
  readonly others: readonly (UnreadyPod & { readonly inspection?: PodInspection | undefined })[];
}

/** Where to work. `podInspection` is absent when there is no such pod. */
export interface Chosen {
  readonly location: Location;
  readonly podInspection?: PodInspection | undefined;
}

/**
 * A pod that does not answer has no say: it keeps nobody from working in one that does. A single pod is always the one,
 * because nothing could be confused with it; whether it can be worked in is judged by whoever asked.
 */
export function choosePrimary(asked: AskedPods): Chosen {
  const { others, ready } = asked;
  const primaries = ready.filter(isPrimary);
  const [first] = primaries;
  const count = primaries.length;
  if (count > 1) return { location: { found: 'severalPrimaries', count, who: listed(primaries.map(named)) } };
  if (first !== undefined) return chosen(first);
  const only = ready.length === 1 && others.length === 0 ? ready[0] : hindered(ready);
  if (only !== undefined) return chosen(only);
  return { location: { found: 'noPrimary', ready: ready.length, who: whoIsWhat(asked) } };
}

function chosen(podInspection: PodInspection): Chosen {
  return { location: { found: 'ready', containers: [podInspection.container] }, podInspection };
}

/** Whether the pod answers that it is in production. */
export function isPrimary({ answer }: PodInspection): boolean {
  return answer.ok && answer.value.role === 'primary';
}

/** The first of ready pods of which none says what its server does: the reason is more than who is what. */
function hindered(ready: readonly PodInspection[]): PodInspection | undefined {
  const all = ready.every(({ answer }) => !answer.ok || answer.value.obstacle !== undefined);
  return all ? ready[0] : undefined;
}

/** `postgres-0 (timeline 3)`. */
function named({ answer, container }: PodInspection): string {
  const timeline = answer.ok ? answer.value.timeline : undefined;
  return timeline === undefined ? container.pod : `${container.pod} (timeline ${timeline})`;
}

/** What a pod is, after the name of one pod and after the names of several. */
type Predicate = readonly [one: string, several: string];

const predicates: Readonly<Record<ServerRole, Predicate>> = {
  primary: ['is the primary', 'are primaries'],
  standby: ['is a standby', 'are standbys'],
  recovering: ['is recovering', 'are recovering'],
  starting: ['is starting', 'are starting'],
  stopping: ['is shutting down', 'are shutting down'],
  singleUser: ['runs for a single user', 'run for a single user'],
  down: ['has no PostgreSQL that is up', 'have no PostgreSQL that is up'],
};

/** `postgres-1 and postgres-2 are standbys, postgres-0 is not ready (Pending: Insufficient memory)`. */
function whoIsWhat({ others, ready }: AskedPods): string {
  const pods = [
    ...ready.map((inspection) => ({ pod: inspection.container.pod, is: predicateOf(inspection) })),
    ...others.map((other) => ({ pod: other.pod, is: unreadyPredicate(other) })),
  ];
  const groups = Map.groupBy(pods, ({ is }) => is[0]);
  return [...groups.values()]
    .map((group) => `${listed(group.map(({ pod }) => pod))} ${group[0]?.is[group.length === 1 ? 0 : 1] ?? ''}`)
    .join(', ');
}

function predicateOf({ answer }: PodInspection): Predicate {
  if (!answer.ok) return ['does not answer', 'do not answer'];
  const { obstacle } = answer.value;
  return obstacle === undefined
    ? rolePredicate(answer.value)
    : [`cannot be used (${obstacle.detail})`, 'cannot be used'];
}

function rolePredicate({ role, signal }: Pick<Inspection, 'role' | 'signal'>): Predicate {
  const [one, several] = predicates[role];
  return role === 'down' && signal !== undefined ? [`${one} (${signal} is there)`, several] : [one, several];
}

function unreadyPredicate({ inspection, state }: AskedPods['others'][number]): Predicate {
  const said = inspection?.answer.ok === true ? `; ${predicateOf(inspection)[0]}` : '';
  const why = `(${state}${said})`;
  return [`is not ready ${why}`, `are not ready ${why}`];
}

/** `a`, `a and b`, `a, b and c`. */
function listed(names: readonly string[]): string {
  const sorted = names.toSorted();
  return sorted.length < 2 ? sorted.join('') : `${sorted.slice(0, -1).join(', ')} and ${sorted.at(-1)}`;
}
