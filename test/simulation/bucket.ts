/** Object storage as wal-g uses it: stored backups, archived WAL, and the ways in which it fails. */
import { rfc3339 } from '../../functions/domain/time.ts';

export interface Owner {
  readonly uid: string;
  readonly namespace: string;
  readonly statefulSet: string;
  readonly cluster?: string;
}

export interface Entry {
  readonly name: string;
  /** First and last WAL segment that a restore needs. */
  readonly first: number;
  readonly last: number;
  readonly permanent: boolean;
  readonly systemIdentifier: string;
  /** Set when one of our runs made it. */
  readonly owner?: Owner | undefined;
  /** Pod's clock. */
  readonly finishedAt: number;
  /** Name of the backup that it rests on. */
  readonly parent?: string | undefined;
  /** As `backup-list --detail --json` shows it. */
  readonly json: string;
}

export interface Bucket {
  state: 'ok' | 'down' | 'full';
  entries: readonly Entry[];
  /** Everything that was ever deleted or lost, newest last. */
  deleted: Entry[];
  /** Stored WAL: all segments from `firstWal` to `lastWal` but for `missing`. */
  firstWal: number;
  lastWal: number;
  readonly missing: Set<number>;
  /** `delete` reports success and deletes nothing. */
  locked: boolean;
  /** One foreign entry makes `--detail` fail. */
  detailBroken: boolean;
}

export function createBucket(segment: number): Bucket {
  return {
    state: 'ok',
    entries: [],
    deleted: [],
    firstWal: segment,
    lastWal: segment,
    missing: new Set(),
    locked: false,
    detailBroken: false,
  };
}

/** `000000010000000000000007`. */
export function segmentName(segment: number): string {
  const hex = (value: number): string => value.toString(16).toUpperCase().padStart(8, '0');
  return `00000001${hex(Math.floor(segment / 256))}${hex(segment % 256)}`;
}

const segmentBytes = 16 * 1024 * 1024;

/** What a push stores. Times are the pod's. */
export interface Push {
  readonly first: number;
  readonly last: number;
  readonly startedAt: number;
  readonly finishedAt: number;
  readonly systemIdentifier: string;
  readonly permanent?: boolean;
  readonly parent?: Entry | undefined;
  /** JSON text of the user data; absent for a backup that is none of ours. */
  readonly userData?: string | undefined;
}

export function createEntry(push: Push): Entry {
  const { first, last, startedAt, finishedAt, parent, permanent = false, systemIdentifier, userData } = push;
  const delta = parent === undefined ? '' : `_D_${segmentName(parent.first)}`;
  const name = `base_${segmentName(first)}${delta}`;
  const [start, finish] = [first * segmentBytes + 40, last * segmentBytes + 256];
  const json = `{"backup_name":"${name}","time":"${rfc3339(finishedAt)}","wal_file_name":"${segmentName(first)}","start_time":"${rfc3339(startedAt)}","finish_time":"${rfc3339(finishedAt)}","start_lsn":${start},"finish_lsn":${finish},"is_permanent":${permanent},"system_identifier":${systemIdentifier},"uncompressed_size":4096,"compressed_size":1024,"user_data":${userData ?? 'null'}}`;
  const parsed = JSON.parse(userData ?? '{}') as { aidboxops?: NonNullable<Entry['owner']> };
  return {
    name,
    first,
    last,
    permanent,
    systemIdentifier,
    owner: parsed.aidboxops,
    finishedAt,
    parent: parent?.name,
    json,
  };
}

/** All WAL that this backup needs is stored. */
function hasWal(bucket: Bucket, { first, last }: Entry): boolean {
  if (first < bucket.firstWal || last > bucket.lastWal) return false;
  for (let at = first; at <= last; at += 1) if (bucket.missing.has(at)) return false;
  return true;
}

/** What it rests on is stored, and the WAL since it began; a delta needs no WAL of its base. */
export function isRestorable(bucket: Bucket, entry: Entry): boolean {
  return hasBase(bucket, entry) && hasWal(bucket, entry);
}

function hasBase(bucket: Bucket, { parent }: Entry): boolean {
  if (parent === undefined) return true;
  const base = bucket.entries.find(({ name }) => name === parent);
  return base !== undefined && hasBase(bucket, base);
}

/** wal-g's order: by segment. */
export function positionOf(name: string): string {
  return name.slice('base_'.length, 'base_'.length + 24);
}

/** FIND_FULL: the full backup that this one rests on, and what a delete before it would take. */
export function doomedBefore(bucket: Bucket, cut: string): Entry[] {
  let full = bucket.entries.find(({ name }) => name === cut);
  while (full?.parent !== undefined) {
    const { parent } = full;
    full = bucket.entries.find(({ name }) => name === parent);
  }
  if (full === undefined) return [];
  const limit = positionOf(full.name);
  return bucket.entries.filter(({ name, permanent }) => !permanent && positionOf(name) < limit);
}

/** Removes entries, and WAL that no backup needs any more. */
export function discard(bucket: Bucket, doomed: readonly Entry[]): void {
  const gone = new Set(doomed);
  bucket.entries = bucket.entries.filter((entry) => !gone.has(entry));
  bucket.deleted.push(...doomed);
  if (bucket.entries.length > 0)
    bucket.firstWal = Math.max(bucket.firstWal, Math.min(...bucket.entries.map(({ first }) => first)));
}
