/** One database in one pod: its identity, its lock, its files, and what happens to it. */
import type { Identity, PodObstacle, RunKind } from '../../functions/domain/run/protocol.ts';
import { createBucket, type Bucket } from './bucket.ts';

/** Files of one run. */
export interface RunFiles {
  readonly id: string;
  readonly kind: RunKind;
  /** Absent: only a tombstone. */
  startedAt?: number;
  exit?: { readonly code: number; readonly at: number; readonly hit: boolean };
  tombstone: boolean;
  catalogueChanged: boolean;
  termAt?: number;
  log: string;
}

/** A wal-g that is alive; it holds the lock. */
export interface Alive {
  readonly id: string;
  readonly kind: RunKind;
  readonly files: RunFiles;
  /** The postmaster that it was started under. */
  readonly postmaster: number | undefined;
  /** Pod's clock. */
  readonly deadline: number;
}

export interface Database {
  readonly namespace: string;
  readonly statefulSet: string;
  readonly pod: string;
  readonly systemIdentifier: string;
  /** Files outlive the container. */
  readonly volume: boolean;
  /** PostgreSQL ≥ 15: a push does not wait for archiving. */
  readonly exclusive: boolean;
  /** Every third backup is full, the others rest on it. */
  readonly deltas: boolean;
  /** Pod's clock minus the API server's, seconds. */
  skew: number;
  bucket: Bucket;
  /** Current WAL segment. */
  segment: number;
  archiving: boolean;
  /** Container runs; exec works. */
  up: boolean;
  /** The API server refuses exec. */
  forbidden: boolean;
  obstacle: PodObstacle | undefined;
  ticks: number;
  boot: number;
  /** Start of the postmaster, pod's clock; undefined while PostgreSQL is not up. */
  postmaster: number | undefined;
  /** The postmaster is shutting down. */
  stopping: boolean;
  /** Directory and id → files. */
  readonly files: Map<string, RunFiles>;
  lock: Alive | 'unknown' | undefined;
  /** The next push takes up to hours. */
  nextIsLong: boolean;
  /** Pushes that were begun, by run id: one id never runs twice. */
  readonly launches: Map<string, number>;
}

export type DatabaseOptions = Pick<
  Database,
  'namespace' | 'statefulSet' | 'systemIdentifier' | 'volume' | 'exclusive' | 'deltas' | 'skew'
>;

export function createDatabase(options: DatabaseOptions, now: number): Database {
  const segment = 2;
  return {
    ...options,
    pod: `${options.statefulSet}-0`,
    bucket: createBucket(segment),
    segment,
    archiving: true,
    up: true,
    forbidden: false,
    obstacle: undefined,
    ticks: 1000,
    boot: 1,
    postmaster: Math.floor(now / 1000) - 1000,
    stopping: false,
    files: new Map(),
    lock: undefined,
    nextIsLong: false,
    launches: new Map(),
  };
}

export function identityOf(database: Database): Identity {
  return {
    host: database.pod,
    ticks: String(database.ticks),
    boot: `boot-${database.boot}`,
    postmaster: database.postmaster === undefined ? '' : String(database.postmaster),
  };
}

export function fileKey(directory: string, id: string): string {
  return `${directory}/.run/${id}`;
}

/** Everything in the container ends; files in its layer go with it. */
export function killContainer(database: Database): void {
  database.up = false;
  database.lock = undefined;
  database.postmaster = undefined;
  database.stopping = false;
  if (!database.volume) database.files.clear();
}

/** A new container with a new postmaster. */
export function startContainer(database: Database, podTime: number): void {
  database.up = true;
  database.ticks += 7919;
  database.postmaster = podTime;
}

/** What PostgreSQL has not archived yet is archived now; `lost` segments never will be. */
export function mendArchiving(database: Database, lost: boolean): void {
  const { bucket } = database;
  database.archiving = true;
  if (lost) for (let at = bucket.lastWal + 1; at < database.segment; at += 1) bucket.missing.add(at);
  archive(database, database.segment - 1);
}

/** Archives up to this segment, when archiving works. */
export function archive(database: Database, segment: number): void {
  if (database.archiving && database.bucket.state === 'ok')
    database.bucket.lastWal = Math.max(database.bucket.lastWal, segment);
}
