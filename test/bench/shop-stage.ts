/** The local environment for measurements: one database, functions that go to zero soon, and nothing that ticks by itself. */
import { setTimeout as pause } from 'node:timers/promises';
import { path } from '../../functions/domain/resources/api-paths.ts';
import { dailySchedule, slotLead, timerName } from '../../functions/domain/events/timer.ts';
import { eventually } from '../support/eventually.ts';
import { openShop, timeOfDay, type Shop } from '../support/shop.ts';
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
export async function openStage(name: string): Promise<Shop> {
  await buildFunctions();
  const shop = await openShop(name);
  const template = { metadata: { annotations: { 'autoscaling.knative.dev/window': window } } };
  for (const each of functionNames()) await patch(shop, 'ksvc', each, { spec: { template } });
  for (const each of ['sweep', 'probe']) await patch(shop, 'pingsource', each, { spec: { schedule: never } });
  await untilAtZero(shop);
  return shop;
}

/** Knative Services and static timers of the installation. */
function patch(shop: Shop, kind: string, name: string, change: object): Promise<string> {
  return shop.kubectl('patch', kind, '-n', 'aidboxops', name, '--type=merge', '-p', JSON.stringify(change));
}

export async function untilAtZero({ environment }: Shop): Promise<void> {
  const look = (): true | undefined =>
    environment.functions().every(({ state }) => state === 'zero') ? true : undefined;
  await eventually('functions at zero', look, patience);
}

/** A slot that comes when all functions are at zero, in milliseconds since 1970; one that comes too soon is let pass. */
export async function slotFromZero(shop: Shop, isAhead: boolean): Promise<number> {
  for (;;) {
    const slot = await nextSlot(shop, isAhead);
    await untilAtZero(shop);
    if (Date.now() < slot - (slotLead + 1) * 1000) return slot;
  }
}

/** Gives the manager a slot soon, and its timer; answers when it is, in milliseconds since 1970. */
export async function nextSlot(shop: Shop, isAhead: boolean): Promise<number> {
  const slot = (Math.floor(Date.now() / 1000) + secondsAhead) * 1000;
  const at = new Date(slot).toISOString().slice(11, 19);
  const change = JSON.stringify({ spec: { backup: { at } } });
  await shop.kubectl('patch', 'pgm', '-n', shop.namespace, 'pg-manager', '--type=merge', '-p', change);
  const manager = await eventually('new slot', async () => {
    const found = await shop.pgm();
    return found.status.schedule?.at === at ? found : undefined;
  });
  const timer = timerName('slot', manager.metadata.uid);
  await eventually('timer of the new slot', async () => {
    const found = (await shop.environment.kube.get(path.timer(shop.namespace, timer))) as Scheduled | undefined;
    return found?.spec.schedule === dailySchedule(at) ? true : undefined;
  });
  if (!isAhead) await putOnSlot(shop, timer, at);
  return slot;
}

interface Scheduled {
  readonly spec: { readonly schedule: string };
}

/** As the timer was before it was made to be ahead. */
async function putOnSlot(shop: Shop, name: string, at: string): Promise<void> {
  const [hours, minutes, seconds] = at.split(':').map(Number);
  const change = JSON.stringify({ spec: { schedule: `${seconds} ${minutes} ${hours} * * *` } });
  await shop.kubectl('patch', 'pingsource', '-n', shop.namespace, name, '--type=merge', '-p', change);
}

/** Keeps functions up until the time given, in milliseconds since 1970. */
export async function keepWarm({ environment }: Shop, names: readonly string[], until: number): Promise<void> {
  while (Date.now() < until) {
    const urls = environment.functions().filter(({ name }) => names.includes(name));
    for (const { url } of urls) await fetch(new URL('/healthz', url));
    await pause(500);
  }
}

/** A manager for the database that keeps two backups, its own and others'. */
export async function addManager(shop: Shop): Promise<void> {
  await shop.manager({ at: timeOfDay(6 * 3_600), keep: 2, rotation: { mode: 'Enforce', adopt: true } });
  await eventually('storage looked at', async () => (await shop.pgm()).status.conditions.storage);
  await untilAtZero(shop);
}
