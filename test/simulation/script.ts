/** Scripted scenarios: one database, one manager whose slot is 16:33:17, and what happens to them. */
import type { PgBackup } from '../../functions/domain/resources/pg-backup.ts';
import type { PgManager } from '../../functions/domain/resources/pg-manager.ts';
import type { Action, ActionKind } from './actions.ts';
import type { DatabaseOptions, Database } from './database.ts';
import type { Eventing } from './eventing.ts';
import { run, type Result } from './run.ts';
import { backupsIn, managersIn, silence, type Noise, type World } from './world.ts';

/** Seconds into the first day; every day has one. */
export const slot = 59_597;
export const day = 86_400;

/** When, what, for how many seconds, and the number that the kind makes something of. */
export type Line = readonly [at: number, kind: ActionKind, seconds?: number, number?: number];

export interface Script {
  readonly lines?: readonly Line[];
  readonly days?: number;
  readonly noise?: Partial<Noise>;
  readonly database?: Partial<DatabaseOptions>;
  readonly pageCap?: number;
  readonly seed?: number;
  /** The number of the manager: what it keeps and its timeout hang on it; none makes no manager. */
  readonly manager?: number | undefined;
  readonly prepare?: (world: World, eventing: Eventing) => void;
}

/** Keeps two, ends a run after an hour, slot at 01:05:08. */
const usual = 61;

/** What is left in the end. */
export interface ScriptResult extends Result {
  readonly backups: readonly PgBackup[];
  readonly manager: PgManager | undefined;
  readonly database: Database;
  /** `success`, `error WalgError` … in order of creation. */
  readonly outcomes: readonly string[];
  /** Reasons of Kubernetes Events. */
  readonly events: readonly string[];
}

export async function runScript(script: Script): Promise<ScriptResult> {
  const { lines = [], days = 1, noise = {}, seed = 1, pageCap = 500 } = script;
  const number = 'manager' in script ? script.manager : usual;
  const first: Line[] = number === undefined ? [] : [[0, 'createManager', 0, number]];
  const actions = [...first, ...lines].map(([at, kind, seconds = 0, given = 0]): Action => ({
    at,
    kind,
    target: 0,
    seconds,
    number: given,
  }));
  const options: DatabaseOptions = {
    namespace: 'shop',
    statefulSet: 'postgres',
    systemIdentifier: '7123456789012345678',
    volume: true,
    exclusive: false,
    deltas: false,
    skew: 0,
    ...script.database,
  };
  const scenario = { seed, days, databases: [options], noise: { ...silence, ...noise }, pageCap, actions };
  const result = await run(scenario, true, (world, eventing) => {
    world.walG.slow = 0;
    script.prepare?.(world, eventing);
  });
  const { api, databases } = result.world;
  const backups = backupsIn(result.world);
  return {
    ...result,
    backups,
    manager: managersIn(result.world)[0],
    database: [...databases.values()][0]!,
    outcomes: backups.map(({ status }) => [status.state, status.reason].filter(Boolean).join(' ')),
    events: api.all('events').map((event) => String(event['reason'])),
  };
}

/** Does something when a line of the log fits, so many times. */
export function when(pattern: RegExp, work: (world: World) => void, times = 1): (world: World) => void {
  return (world) => {
    let left = times;
    const push = world.trace.push.bind(world.trace);
    world.trace.push = (...lines) => {
      const length = push(...lines);
      if (left > 0 && lines.some((line) => pattern.test(line))) {
        left -= 1;
        world.scheduler.at(world.scheduler.now(), () => work(world));
      }
      return length;
    };
  };
}

/** Kills the function before or after its n-th effect that fits. */
export function crashAt(pattern: RegExp, moment: 'before' | 'after', nth = 1): (world: World) => void {
  return (world) => {
    let count = 0;
    world.saboteur = (now, effect) => {
      if (now !== moment || !pattern.test(effect)) return false;
      count += 1;
      return count === nth;
    };
  };
}
