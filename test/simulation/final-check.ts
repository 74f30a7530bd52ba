/** Invariants that are judged when the faults are over and everything had its time. */
import { rotationIsDue } from '../../functions/domain/resources/manager-state.ts';
import type { PgBackup } from '../../functions/domain/resources/pg-backup.ts';
import type { PgManager } from '../../functions/domain/resources/pg-manager.ts';
import { parseTime } from '../../functions/domain/time.ts';
import { isFinal } from '../support/api-model.ts';
import type { Alive } from './database.ts';
import { checkSlots, firstSlot } from './slot-check.ts';
import { plantedSecret } from './wal-g.ts';
import { backupsIn, managersIn, type World } from './world.ts';
import type { Eventing } from './eventing.ts';

/** Pending 10 min + rotation 1 h + 60 s + proof 1 h + one sweep, without the run's own timeout (seconds). */
const bound = 600 + 4_500 + 60 + 3_600 + 900 + 600;
/** Ten attempts, each found by a sweep (seconds). */
const rotationBound = 10 * 1_800 + 4_500;

/** Nothing is unfinished or untold that could have been finished since the faults ended (milliseconds). */
export function checkLiveness(world: World, recovered: number): void {
  const now = world.scheduler.now() / 1000;
  const moment: Moment = { now, since: recovered / 1000 };
  const managers = managersIn(world);
  const timeout = Math.max(3_600, ...managers.map(({ spec }) => spec.backup.timeoutSeconds));
  for (const backup of backupsIn(world)) checkBackup(world, backup, { ...moment, timeout });
  for (const manager of managers) checkManager(world, manager, moment);
  checkRuns(world, now - moment.since);
}

interface Moment {
  readonly now: number;
  /** When the faults ended. */
  readonly since: number;
}

/** Seconds since this time, or since the faults ended. */
function ageOf({ now, since }: Moment, time: string | undefined): number {
  return now - Math.max(since, parseTime(time) ?? 0);
}

function checkBackup(world: World, { metadata, status }: PgBackup, moment: Moment & { timeout: number }): void {
  const { announced, finishTime, message, state } = status;
  const { creationTimestamp, name } = metadata;
  const finished = isFinal({ status });
  if (!finished && ageOf(moment, creationTimestamp) > bound + moment.timeout)
    world.violated(5, `PgBackup ${name} is ${state ?? 'untouched'}: ${message ?? ''}`);
  if (finished && announced !== state && ageOf(moment, finishTime) > 3_600)
    world.violated(10, `PgBackup ${name} ended and its end is not announced`);
}

function checkManager(world: World, manager: PgManager, moment: Moment): void {
  const { name, namespace } = manager.metadata;
  const { backup = {}, rotation = {} } = manager.status.conditions;
  if (!isIdle(world, namespace, manager.spec.selector.name)) return;
  if (backup.running !== undefined && moment.now - moment.since > 3_600)
    world.violated(5, `conditions.backup of ${name} says that ${backup.running} is running`);
  if (rotationIsDue(manager) && ageOf(moment, backup.lastSuccess?.finishTime) > rotationBound)
    world.violated(5, `rotation of ${name} is owed: ${rotation.message}`);
}

/** No PgBackup of the StatefulSet is unfinished. */
function isIdle(world: World, namespace: string, statefulSet: string): boolean {
  return backupsIn(world).every(
    ({ metadata, spec, status }) =>
      metadata.namespace !== namespace || spec.selector.name !== statefulSet || isFinal({ status }),
  );
}

/** A run that nothing answers for is stopped by the next probe, and the lock is free when it has ended. */
function checkRuns(world: World, quietFor: number): void {
  if (quietFor < 7_200) return;
  for (const database of world.databases.values()) {
    const { lock, namespace, pod } = database;
    if (lock === undefined || lock === 'unknown' || isAnsweredFor(world, lock)) continue;
    world.violated(5, `an orphaned run ${lock.id} holds the lock in ${namespace}/${pod}`);
  }
}

/** Its PgBackup is unfinished, or it is the rotation that its manager says is running. */
function isAnsweredFor(world: World, { id }: Alive): boolean {
  return (
    managersIn(world).some(({ status }) => status.conditions.rotation?.running?.id === id) ||
    backupsIn(world).some((backup) => backup.metadata.uid === id && !isFinal(backup))
  );
}

/** Everything else. */
export function checkEnd(world: World): void {
  checkSlots(world);
  checkTold(world);
  checkTimers(world);
  const everything = JSON.stringify(
    ['pgbackups', 'pgmanagers', 'events', 'pingsources'].map((kind) => world.api.all(kind)),
  );
  if (everything.includes(plantedSecret)) world.violated(9, 'a secret is in the API server');
}

/** Invariant 10. What a person deleted takes with it what was owed. */
function checkTold(world: World): void {
  const { owed, told, forgiven } = world.oracle;
  const now = world.scheduler.now() / 1000;
  for (const [id, { since, uid }] of owed) {
    if (told.has(id) || forgiven.has(uid) || now - since < 3_600) continue;
    world.violated(10, `${id} was never announced`);
  }
}

/** A timer that nothing needs would wake a function for ever. */
function checkTimers(world: World): void {
  for (const { metadata } of world.api.all('pingsources')) {
    const owner = metadata.ownerReferences?.[0]?.uid;
    const objects = [...world.api.all('pgbackups'), ...world.api.all('pgmanagers')];
    if (!objects.some((object) => object.metadata.uid === owner) && metadata.deletionTimestamp === undefined)
      world.violated(7, `timer ${metadata.name} has no owner`);
  }
}

/** Invariant 7, second half: after this window nothing was written and nobody was woken but by probe and sweep. */
export async function checkQuiet(world: World, eventing: Eventing): Promise<void> {
  const window = 40 * 60;
  const from = quietMoment(world, window);
  await world.scheduler.run(from * 1000);
  if (!isAllDone(world)) return;
  eventing.quiet.watchful = true;
  const [version, wakeUps] = [world.api.version(), eventing.quiet.wakeUps()];
  await world.scheduler.run((from + window) * 1000);
  if (world.api.version() !== version) world.violated(7, `${world.api.version() - version} writes in a quiet cluster`);
  if (eventing.quiet.wakeUps() !== wakeUps)
    world.violated(7, `${eventing.quiet.wakeUps() - wakeUps} wake-ups in a quiet cluster`);
  eventing.quiet.watchful = false;
}

/** No rotation is due, and every PgBackup is finished and announced. */
export function isAllDone(world: World): boolean {
  return (
    !managersIn(world).some(rotationIsDue) &&
    backupsIn(world).every(({ status }) => isFinal({ status }) && status.announced === status.state)
  );
}

/** The next moment from which on no slot is due for the window, nor was one a short while before. */
function quietMoment(world: World, window: number): number {
  let from = Math.ceil(world.scheduler.now() / 1000);
  const ats = managersIn(world).map(({ spec }) => spec.backup.at);
  for (let tries = 0; tries < 50; tries += 1) {
    const next = Math.min(...ats.map((at) => firstSlot(at, from - 5_400)));
    if (next > from + window + 60) return from;
    from = next + 5_401;
  }
  return from;
}
