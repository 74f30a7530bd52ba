/** Activations of the production handlers: their effects go to the models, through chance. */
import { DateTime } from 'luxon';
import { requestError } from '../../functions/domain/request-error.ts';
import { createBackupHandler } from '../../functions/backup/handler.ts';
import type { Effects } from '../../functions/platform/reconcile/apply.ts';
import type { Clock } from '../../functions/platform/clock.ts';
import type { EventHandler, ReceivedEvent } from '../../functions/platform/serve/server.ts';
import type { Kube } from '../../functions/platform/kubernetes/client.ts';
import { createRotationHandler } from '../../functions/rotation/handler.ts';
import { createScheduleHandler } from '../../functions/schedule/handler.ts';
import { createUndeliveredHandler } from '../../functions/schedule/dead-letters.ts';
import { createStorageHandler } from '../../functions/storage/handler.ts';
import { kubeOf } from '../support/api-model.ts';
import { createModelRunner } from './exec.ts';
import type { Eventing } from './eventing.ts';
import type { World } from './world.ts';

export type FunctionName = 'schedule' | 'backup' | 'rotation' | 'storage' | 'undelivered';

/** How the delivery that woke it sees it end. */
export type Answer = 'done' | 'retry' | 'no answer';

/** One delivery being handled. */
export interface Activation {
  readonly name: FunctionName;
  readonly event: ReceivedEvent;
  dead: boolean;
  die: () => void;
  /** Effects so far. */
  calls: number;
  /** Page events posted. */
  pages: number;
}

/** One process of a function; the next activation after a crash gets another. */
interface Process {
  /** The newest Date header that it saw. */
  date: number | undefined;
}

/** The rest of a process that has died. A new promise each time: one for all would keep whatever ever awaited it in memory. */
function never(): Promise<never> {
  return new Promise<never>(() => undefined);
}

/** More than any activation could need. */
const maxCalls = 3_000;

/** Handles one event in a new activation of the function. */
export function invoke(world: World, eventing: Eventing, name: FunctionName, event: ReceivedEvent): Promise<Answer> {
  const activation: Activation = { name, event, dead: false, die: () => undefined, calls: 0, pages: 0 };
  const crashed = new Promise<Answer>((resolve) => {
    activation.die = () => {
      activation.dead = true;
      processes(world).delete(name);
      world.oracle.seen.add(`${name} dies`);
      world.note(`${name} dies at effect ${activation.calls}`);
      resolve('no answer');
    };
  });
  return Promise.race([crashed, handle(world, eventing, activation)]);
}

async function handle(world: World, eventing: Eventing, activation: Activation): Promise<Answer> {
  const { event, name } = activation;
  const clock: Clock = {
    monotonic: () => world.scheduler.now(),
    sleep: (milliseconds) => world.scheduler.sleep(milliseconds).then(() => (activation.dead ? never() : undefined)),
  };
  const handler = handlerOf(name, createEffects(world, eventing, activation), clock);
  let answer: Answer = 'done';
  try {
    const { outcome, reason } = await handler(event);
    answer = outcome;
    world.oracle.seen.add(`reason ${reason}`);
  } catch (error) {
    if (!requestError.isTerminating(error)) answer = 'retry';
    if (!requestError.is(error))
      world.violated(5, `${name} throws ${error instanceof Error ? error.stack : String(error)}`);
  }
  if (activation.calls > maxCalls) world.violated(8, `${name} made ${activation.calls} calls for one ${event.type}`);
  eventing.handled(activation, answer);
  return answer;
}

function handlerOf(name: FunctionName, effects: Effects, clock: Clock): EventHandler {
  switch (name) {
    case 'schedule':
      return createScheduleHandler(effects, clock, '');
    case 'backup':
      return createBackupHandler(effects, clock, '');
    case 'rotation':
      return createRotationHandler(effects, clock, '');
    case 'storage':
      return createStorageHandler(effects, clock, '');
    case 'undelivered':
      return createUndeliveredHandler(effects);
  }
}

const known = new WeakMap<World, Map<FunctionName, Process>>();

function processes(world: World): Map<FunctionName, Process> {
  let map = known.get(world);
  if (map === undefined) known.set(world, (map = new Map<FunctionName, Process>()));
  return map;
}

function processOf(world: World, name: FunctionName): Process {
  let process = processes(world).get(name);
  if (process === undefined) processes(world).set(name, (process = { date: undefined }));
  return process;
}

function createEffects(world: World, eventing: Eventing, activation: Activation): Effects {
  const log = (message: string, fields: object = {}): void => {
    if (message.endsWith('not reconciled') || message === 'Probe not done') checkError(world, fields);
    // Most of what is logged is of a few kinds: a part of it is enough to find a secret.
    if ('problem' in fields || 'answer' in fields || activation.calls % 8 === 0) world.oracle.logged(fields);
  };
  return {
    kube: createModelKube(world, activation),
    runner: createModelRunner(world, activation),
    sink: {
      post: async (event) => {
        await passage(world, activation, `post ${event.type}`);
        if (!eventing.post(event)) throw requestError.of(503, 'SinkRefused', 'the broker is down');
        if (event.type.includes('.page.')) activation.pages += 1;
        await leave(world, activation, `post ${event.type}`);
      },
      close: () => undefined,
    },
    log: { info: (message, fields) => log(message, fields), warn: log, error: log },
  };
}

/** Walks go on after an error; one that is no failure of a call is a fault all the same. */
function checkError(world: World, { error }: { readonly error?: unknown }): void {
  if (typeof error === 'string' && /undefined|not a function|null/.test(error)) world.violated(5, error);
}

/** Time passes on the way to an effect, and the function may die there. */
export async function passage(world: World, activation: Activation, effect: string): Promise<void> {
  activation.calls += 1;
  await world.scheduler.sleep(world.random.between(2, 40));
  await leave(world, activation, effect, 'before');
}

/** The function may die when the effect is done. */
export async function leave(
  world: World,
  activation: Activation,
  effect: string,
  moment: 'before' | 'after' = 'after',
): Promise<void> {
  if (activation.dead) return never();
  if (!world.saboteur(moment, `${activation.name} ${effect}`) && !world.random.chance(world.noise.crash)) return;
  activation.die();
  return never();
}

const transient = [0, 429, 500, 503] as const;

function createModelKube(world: World, activation: Activation): Kube {
  const { api } = world;
  const process = processOf(world, activation.name);

  async function call<T>(verb: string, path: string, work: () => T): Promise<T> {
    const effect = `${verb} ${path}`;
    await passage(world, activation, effect);
    if (world.outages.api || world.random.chance(world.noise.transient))
      throw requestError.of(world.random.pick(transient), 'Transient', `${effect}: the API server is not available`);
    const before = api.version();
    process.date = Math.floor(world.scheduler.now() / 1000);
    const result = work();
    if (api.version() === before) return result;
    world.note(`${activation.name} ${effect}`);
    await leave(world, activation, effect);
    if (world.random.chance(world.noise.transient)) throw requestError.of(0, 'NoAnswer', `${effect}: connection reset`);
    return result;
  }

  const kube = kubeOf(api, call, () =>
    process.date === undefined ? undefined : DateTime.fromSeconds(process.date, { zone: 'utc' }),
  );
  return {
    ...kube,
    get: (path) => call('get', path, () => namespaceAt(path) ?? api.get(path)),
    list: (path, selection = {}) =>
      kube.list(path, { ...selection, limit: Math.min(selection.limit ?? 500, world.pageCap) }),
  };
}

/** Every Namespace is there, and has a UID of its own. */
function namespaceAt(path: string): object | undefined {
  const [, name] = /^\/api\/v1\/namespaces\/([^/]+)$/.exec(path) ?? [];
  return name === undefined ? undefined : { metadata: { name, uid: `uid-of-${name}` } };
}
