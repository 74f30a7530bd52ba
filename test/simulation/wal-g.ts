/** Runs of wal-g in a database: they begin, hold the lock, and end as the storage lets them. */
import type { StartRequest } from '../../functions/domain/run/protocol.ts';
import { createEntry, discard, doomedBefore, type Entry } from './bucket.ts';
import { archive, fileKey, type Alive, type Database, type RunFiles } from './database.ts';
import type { Random } from './random.ts';
import type { Scheduler } from './scheduler.ts';

/** Who watches what wal-g does. */
export interface Recorder {
  /** A run has the lock now. */
  began(database: Database, run: Alive): void;
  /** A delete takes these; they are still stored. */
  deletes(database: Database, doomed: readonly Entry[]): void;
  /** Somebody asks this live run to end. */
  stops(database: Database, run: Alive): void;
  /** A run has ended and says so in its exit file. */
  ended(database: Database, run: Alive): void;
  note(text: string): void;
}

export interface WalG {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly recorder: Recorder;
  /** How likely wal-g fails without a reason that anybody can see. */
  failures: number;
  /** How likely a push takes up to hours. */
  slow: number;
}

/** What a planted secret looks like; none of it may be seen anywhere. */
export const plantedSecret = 'wJalrXUtnFEMIplantedK7MDENG';

export function podTime(walG: WalG, database: Database): number {
  return Math.floor(walG.scheduler.now() / 1000) + database.skew;
}

/** Takes the lock and runs until wal-g ends, is stopped, or hits its deadline. */
export function launch(walG: WalG, database: Database, request: StartRequest): RunFiles {
  const { scheduler, recorder } = walG;
  const startedAt = podTime(walG, database);
  const earlier = database.files.get(fileKey(request.dir, request.id));
  const files: RunFiles = {
    id: request.id,
    kind: request.kind,
    startedAt,
    tombstone: earlier?.tombstone ?? false,
    catalogueChanged: false,
    log: `INFO: backup begins\nDEBUG: AWS_SECRET_ACCESS_KEY=${plantedSecret}\n`,
  };
  const alive: Alive = {
    id: request.id,
    kind: request.kind,
    files,
    postmaster: database.postmaster,
    deadline: startedAt + request.timeoutSeconds,
  };
  database.files.set(fileKey(request.dir, request.id), files);
  database.lock = alive;
  recorder.began(database, alive);
  const seconds = request.kind === 'backup' ? pushSeconds(walG, database) : walG.random.between(1, 20);
  const limit = request.timeoutSeconds;
  if (seconds >= limit) {
    const grace = walG.random.pick([0, 1, 50]);
    scheduler.at(scheduler.now() + (limit + grace) * 1000, () => end(walG, database, alive, { code: 124, hit: true }));
    return files;
  }
  scheduler.at(scheduler.now() + seconds * 1000, () => {
    if (database.lock !== alive) return;
    const code = request.kind === 'backup' ? push(walG, database, request) : rotate(walG, database, { alive, request });
    end(walG, database, alive, { code, hit: false });
  });
  return files;
}

/** Without archiving PostgreSQL ≤ 14 waits for ever. */
function pushSeconds({ random, slow }: WalG, database: Database): number {
  if (database.exclusive && !database.archiving) return Number.POSITIVE_INFINITY;
  const long = random.chance(slow) || database.nextIsLong;
  database.nextIsLong = false;
  return long ? random.between(600, 20_000) : random.between(2, random.pick([5, 20, 120]));
}

/** The lock is free when the exit file is written, or a second later. */
function end(
  { scheduler, random, recorder }: WalG,
  database: Database,
  alive: Alive,
  { code, hit }: { code: number; hit: boolean },
): void {
  // The exit file is written once; the lock is free a moment later.
  if (database.lock !== alive || alive.files.exit !== undefined) return;
  const at = Math.floor(scheduler.now() / 1000) + database.skew;
  alive.files.exit = { code, at, hit };
  if (code !== 0) alive.files.log += `ERROR: ended with ${code}: password=${plantedSecret}\n`;
  recorder.note(`${alive.kind} ${alive.id} ends with ${code} in ${database.namespace}/${database.pod}`);
  recorder.ended(database, alive);
  const free = (): void => void (database.lock === alive && (database.lock = undefined));
  if (random.chance(0.5)) free();
  else scheduler.at(scheduler.now() + 900, free);
}

function push(walG: WalG, database: Database, request: StartRequest & { kind: 'backup' }): number {
  const { bucket } = database;
  if (bucket.state !== 'ok' || walG.random.chance(walG.failures)) return 1;
  const files = database.files.get(fileKey(request.dir, request.id));
  const entry = createEntry({
    ...nextSegments(walG, database),
    startedAt: files?.startedAt ?? podTime(walG, database),
    finishedAt: podTime(walG, database),
    systemIdentifier: database.systemIdentifier,
    parent: baseFor(walG, database),
    userData: request.userData,
  });
  bucket.entries = [...bucket.entries, entry];
  walG.recorder.note(`${entry.name} is stored in ${database.namespace}/${database.pod}`);
  // Listed, but wal-g says that it failed.
  return walG.random.chance(walG.failures) ? 1 : 0;
}

/** The segments of a backup that ends now; they are archived when archiving works. */
export function nextSegments(walG: WalG, database: Database): { first: number; last: number } {
  const first = database.segment + 1;
  const last = first + walG.random.between(0, 1);
  database.segment = last + 1;
  archive(database, last);
  return { first, last };
}

/** Every third is full. A delta rests on the newest one, when that is ours. */
function baseFor(walG: WalG, database: Database): Entry | undefined {
  const newest = database.bucket.entries.at(-1);
  return database.deltas && newest?.owner !== undefined && walG.random.chance(0.66) ? newest : undefined;
}

function rotate(
  { random, recorder, failures }: WalG,
  database: Database,
  { alive, request }: { alive: Alive; request: StartRequest & { kind: 'rotation' } },
): number {
  const { bucket } = database;
  if (bucket.state === 'down') return 1;
  const listed = bucket.entries.map(({ name }) => name).toSorted();
  if (listed.join() !== request.names.toSorted().join()) {
    alive.files.catalogueChanged = true;
    return 75;
  }
  if (alive.files.tombstone) return 143;
  if (bucket.locked) return 0;
  const doomed = doomedBefore(bucket, request.cut);
  // Some are deleted, then storage fails.
  const failing = random.chance(failures);
  const taken = failing ? doomed.slice(0, random.between(0, doomed.length)) : doomed;
  recorder.deletes(database, taken);
  discard(bucket, taken);
  return failing ? 1 : 0;
}

/** TERM, which wal-g may ignore; KILL at least 30 s later. */
export function signal(walG: WalG, database: Database, alive: Alive): void {
  const { scheduler, random, recorder } = walG;
  const now = podTime(walG, database);
  recorder.stops(database, alive);
  alive.files.tombstone = true;
  if (alive.files.termAt === undefined) {
    alive.files.termAt = now;
    if (random.chance(0.3)) return;
    const delay = random.between(10, 3_000);
    scheduler.at(scheduler.now() + delay, () => end(walG, database, alive, { code: 143, hit: false }));
  } else if (now - alive.files.termAt >= 30) {
    scheduler.at(scheduler.now() + 20, () => end(walG, database, alive, { code: 137, hit: false }));
  }
}

/** The connection of a push is lost with the postmaster: after a crash later than that, in a shutdown sooner. */
export function restartPostmaster(walG: WalG, database: Database): void {
  const { random, scheduler } = walG;
  const { lock, ticks } = database;
  database.stopping = random.chance(0.5);
  const sessionsEnd = scheduler.now() + random.between(0, 5_000);
  const postmasterEnds = database.stopping ? sessionsEnd + random.between(0, 5_000) : scheduler.now();
  scheduler.at(postmasterEnds, () => {
    if (!database.up || database.ticks !== ticks) return;
    database.postmaster = podTime(walG, database) + 1;
    database.stopping = false;
  });
  if (lock === undefined || lock === 'unknown' || lock.kind !== 'backup') return;
  scheduler.at(sessionsEnd, () => end(walG, database, lock, { code: 1, hit: false }));
}
