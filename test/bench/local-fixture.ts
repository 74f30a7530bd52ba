/** The local environment for measurements: one database, functions that go to zero soon, and nothing that ticks by itself. */
import { setTimeout as pause } from 'node:timers/promises';
import { path } from '../../functions/domain/resources/api-paths.ts';
import { dailySchedule, slotLead, timerName } from '../../functions/domain/events/timer.ts';
import { eventually } from '../support/eventually.ts';
import { openLocalCluster, type LocalCluster } from '../support/local-cluster.ts';
import { timeOfDay } from '../support/objects.ts';
import { buildFunctions, functionNames } from '../../tools/build.ts';

/** Knative's shortest window. */
const window = '6s';
/** From a change to its slot: the function that the change wakes has to be at zero again before the timer fires. */
const secondsAhead = 18;
/** Seconds that a busy machine may take for what comes by itself. */
export const patience = 180;
/** A schedule that does not come. */
const never = '0 0 0 30 2 *';

/** Opens it and waits until every function is at zero. */
export async function openFixture(name: string): Promise<LocalCluster> {
  await buildFunctions();
  const cluster = await openLocalCluster(name);
  const template = { metadata: { annotations: { 'autoscaling.knative.dev/window': window } } };
  for (const each of functionNames()) await patch(cluster, 'ksvc', each, { spec: { template } });
  for (const each of ['sweep', 'probe']) await patch(cluster, 'pingsource', each, { spec: { schedule: never } });
  await untilAtZero(cluster);
  return cluster;
}

/** Knative Services and static timers of the installation. */
function patch(cluster: LocalCluster, kind: string, name: string, change: object): Promise<string> {
  return cluster.kubectl('patch', kind, '-n', 'aidboxops', name, '--type=merge', '-p', JSON.stringify(change));
}

export async function untilAtZero({ environment }: LocalCluster): Promise<void> {
  const look = (): true | undefined =>
    environment.functions().every(({ state }) => state === 'zero') ? true : undefined;
  await eventually('functions at zero', look, patience);
}

/** A slot that comes when all functions are at zero, in milliseconds since 1970; one that comes too soon is let pass. */
export async function slotFromZero(cluster: LocalCluster): Promise<number> {
  for (;;) {
    const slot = await nextSlot(cluster);
    await untilAtZero(cluster);
    if (Date.now() < slot - (slotLead + 1) * 1000) return slot;
  }
}

/** Gives the manager a slot soon, and its timer; answers when it is, in milliseconds since 1970. */
export async function nextSlot(cluster: LocalCluster): Promise<number> {
  const slot = (Math.floor(Date.now() / 1000) + secondsAhead) * 1000;
  const at = new Date(slot).toISOString().slice(11, 19);
  const change = JSON.stringify({ spec: { backup: { at } } });
  await cluster.kubectl('patch', 'pgm', '-n', cluster.namespace, 'pg-manager', '--type=merge', '-p', change);
  const manager = await eventually('new slot', async () => {
    const found = await cluster.pgm();
    return found.status.schedule?.at === at ? found : undefined;
  });
  const timer = timerName('slot', manager.metadata.uid);
  await eventually('timer of the new slot', async () => {
    const found = (await cluster.environment.kube.get(path.timer(cluster.namespace, timer))) as Scheduled | undefined;
    return found?.spec.schedule === dailySchedule(at) ? true : undefined;
  });
  return slot;
}

interface Scheduled {
  readonly spec: { readonly schedule: string };
}

/** Keeps functions up until the time given, in milliseconds since 1970. */
export async function keepWarm({ environment }: LocalCluster, names: readonly string[], until: number): Promise<void> {
  while (Date.now() < until) {
    const urls = environment.functions().filter(({ name }) => names.includes(name));
    for (const { url } of urls) await fetch(new URL('/healthz', url));
    await pause(500);
  }
}

/** A manager for the database that keeps two backups, its own and others'. */
export async function addManager(cluster: LocalCluster): Promise<void> {
  await cluster.manager({ at: timeOfDay(6 * 3_600), keep: 2, rotation: { mode: 'Enforce', adopt: true } });
  await eventually('storage looked at', async () => (await cluster.pgm()).status.conditions.storage);
  await untilAtZero(cluster);
}
