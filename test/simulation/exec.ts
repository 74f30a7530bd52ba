/** Execs into database pods: refused, cut before or after their effect, or late. */
import type { ExecTarget } from '../../functions/platform/kubernetes/exec.ts';
import type { Runner } from '../../functions/platform/run/runner.ts';
import type { RunnerProblem, RunnerResult } from '../../functions/domain/run/observed-run.ts';
import type { Database } from './database.ts';
import { leave, passage, type Activation } from './functions.ts';
import { catalogue, inspect, probe, prune, start, stop } from './runner-model.ts';
import type { World } from './world.ts';

/** One exec: where, what, and what the pod makes of it. */
interface Exec<T> {
  readonly pod: ExecTarget;
  readonly name: string;
  readonly work: (database: Database) => RunnerResult<T>;
}

export function createModelRunner(world: World, activation: Activation): Runner {
  const { walG } = world;
  const exec = <T>(pod: ExecTarget, name: string, work: Exec<T>['work']): Promise<RunnerResult<T>> =>
    run(world, activation, { pod, name, work });
  return {
    inspect: (pod, about = {}) => exec(pod, 'inspect', (database) => inspect(walG, database, about)),
    start: (pod, request) => exec(pod, `start ${request.id}`, (database) => start(walG, database, request)),
    stop: (pod, address) => exec(pod, `stop ${address.id}`, (database) => stop(walG, database, address)),
    catalogue: (pod, uid) => exec(pod, 'catalogue', (database) => catalogue(walG, database, uid)),
    probe: (pod) => exec(pod, 'probe', (database) => probe(walG, database)),
    prune: (pod, what) => exec(pod, 'prune', (database) => prune(walG, database, what)),
  };
}

async function run<T>(world: World, activation: Activation, asked: Exec<T>): Promise<RunnerResult<T>> {
  const { name, pod } = asked;
  const effect = `exec ${name}`;
  // Being cut after it matters only where something changes.
  const writes = /^(start|stop|prune)/.test(name);
  await passage(world, activation, effect);
  await world.scheduler.sleep(secondsOf(world, asked) * 1000);
  if (activation.dead) return new Promise<never>(() => undefined);
  const database = world.databases.get(`${pod.namespace}/${pod.pod}`);
  const obstacle = obstacleOf(world, database, pod);
  if (obstacle !== undefined) return problem(obstacle, `${pod.pod}: ${obstacle}`);
  if (name.startsWith('start') && world.random.chance(world.noise.lateStart)) return late(world, asked, database!);
  if (world.random.chance(world.noise.cut)) return problem('transient', 'stream was cut before the command');
  const result = asked.work(database!);
  if (writes) world.note(`${activation.name} ${effect} in ${pod.namespace}/${pod.pod}`, result);
  look(world, 'start', result);
  await leave(world, activation, effect);
  if (writes && world.random.chance(world.noise.cut)) {
    world.oracle.seen.add(`cut after ${name.split(' ', 1)[0]}`);
    return problem('unknown', 'stream was cut');
  }
  return result;
}

/** A storage that does not answer keeps the exec for its whole time. */
function secondsOf(world: World, { name, pod }: Exec<unknown>): number {
  const database = world.databases.get(`${pod.namespace}/${pod.pod}`);
  const down = database?.bucket.state === 'down';
  if (down && name === 'probe') return 15;
  if (down && name === 'catalogue') return world.random.pick([1, 38]);
  return name === 'catalogue' ? world.random.next() * 3 : 0.2;
}

/** What a pod answers to a start that is worth knowing. */
function look(world: World, what: string, result: RunnerResult<unknown>): void {
  const { reason, plain } = (result.ok ? result.value : {}) as { reason?: string; plain?: boolean };
  if (reason !== undefined) world.oracle.seen.add(`${what} refused: ${reason}`);
  if (plain === true) world.oracle.seen.add('details cannot be read');
}

/** The function gives up, the command arrives later. */
async function late<T>(world: World, { name, work }: Exec<T>, database: Database): Promise<RunnerResult<T>> {
  const { random, scheduler } = world;
  scheduler.at(scheduler.now() + random.between(1_000, 600_000), () => {
    if (!database.up) return;
    const result = work(database);
    world.note(`late ${name}`, result);
    look(world, 'late start', result);
  });
  await scheduler.sleep(20_000);
  return problem('timeout', 'no answer from the container in time');
}

function obstacleOf(world: World, database: Database | undefined, pod: ExecTarget): RunnerProblem['kind'] | undefined {
  if (world.outages.api) return 'transient';
  const object = world.api.get(`/api/v1/namespaces/${pod.namespace}/pods/${pod.pod}`);
  if (database === undefined || object === undefined) return 'not-found';
  if (database.forbidden) return 'forbidden';
  return database.up ? undefined : 'transient';
}

function problem<T>(kind: RunnerProblem['kind'], message: string): RunnerResult<T> {
  return { ok: false, problem: { kind, message } };
}
