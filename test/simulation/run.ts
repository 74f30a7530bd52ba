/** Runs a scenario and says which invariants were broken. The same scenario gives the same run, to the last effect. */
import { parseOnce } from './parse-once.ts';
import { PgBackup } from '../../functions/domain/resources/pg-backup.ts';
import { PgManager } from '../../functions/domain/resources/pg-manager.ts';
import { Pod, StatefulSet } from '../../functions/domain/resources/workloads.ts';
import { perform, type Action } from './actions.ts';
import { installDatabase } from './cluster.ts';
import { createDatabase } from './database.ts';
import { createEventing, type Eventing } from './eventing.ts';
import { checkEnd, checkLiveness, checkQuiet, isAllDone } from './final-check.ts';
import type { Scenario } from './scenario.ts';
import { watchOrphan } from './oracle.ts';
import { createWorld, silence, type Violation, type World } from './world.ts';

for (const schema of [PgBackup, PgManager, Pod, StatefulSet]) parseOnce(schema);

export interface Result {
  readonly world: World;
  readonly violations: readonly Violation[];
  readonly trace: readonly string[];
  /** Virtual days. */
  readonly days: number;
  /** What was seen to happen, for coverage. */
  readonly seen: ReadonlySet<string>;
}

/** Lets a test reach into the world before it begins. */
export type Prepare = (world: World, eventing: Eventing) => void;

/** 2022-01-01T00:00:00Z. */
const start = 1_640_995_200;

export async function run(scenario: Scenario, traced = false, prepare: Prepare = () => undefined): Promise<Result> {
  const world = createWorld({ seed: scenario.seed, start, traced });
  Object.assign(world.noise, scenario.noise);
  world.walG.failures = scenario.noise.failures;
  world.pageCap = scenario.pageCap;
  const eventing = createEventing(world);
  const databases = scenario.databases.map((options) => createDatabase(options, start * 1000));
  for (const database of databases) installDatabase(world, database);
  prepare(world, eventing);
  for (const action of scenario.actions) schedule(world, action, () => perform({ world, eventing, databases }, action));
  await drive(world, eventing, scenario);
  return {
    world,
    violations: world.violations,
    trace: world.trace,
    days: (world.scheduler.now() / 1000 - start) / 86_400,
    seen: world.oracle.seen,
  };
}

function schedule(world: World, { at }: Action, work: () => void): void {
  world.scheduler.at((start + at) * 1000, work);
}

/** Faults, then peace until everything is over, at most twelve hours; then a quiet while. */
async function drive(world: World, eventing: Eventing, scenario: Scenario): Promise<void> {
  const { scheduler } = world;
  const recovered = (start + scenario.days * 86_400) * 1000 + 1_500;
  await scheduler.run(recovered);
  Object.assign(world.noise, silence);
  world.walG.failures = 0;
  Object.assign(world.outages, { api: false, broker: false, watch: false, pings: false });
  world.note('RECOVERED');
  for (const { lock } of world.databases.values())
    if (lock !== undefined && lock !== 'unknown' && lock.kind === 'backup' && isGone(world, lock.id))
      watchOrphan(world, lock.id);
  for (let step = 1; step <= 24; step += 1) {
    await scheduler.run(recovered + step * 1_800_000);
    if (step >= 3 && isOver(world)) break;
  }
  checkLiveness(world, recovered);
  await checkQuiet(world, eventing);
  checkEnd(world);
}

function isGone(world: World, uid: string): boolean {
  return world.api.all('pgbackups').every(({ metadata }) => metadata.uid !== uid);
}

function isOver(world: World): boolean {
  const locked = [...world.databases.values()].some(({ lock }) => lock !== undefined && lock !== 'unknown');
  return !locked && isAllDone(world);
}
