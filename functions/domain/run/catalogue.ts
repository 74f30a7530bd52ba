/**
 * The catalogue: what wal-g has stored, read from `backup-list --detail --json` and `wal-show --detailed-json`. A
 * backup is called proved only from here: an entry with the run's own user data, the database's system identifier, and
 * every WAL segment from its start to its finish stored.
 */
import * as z from 'zod';
import { parseLossless } from './lossless-json.ts';
import type { CatalogueAnswer } from './protocol.ts';
import { oneLine } from '../text.ts';
import { parseTime } from '../time.ts';

const UnsignedInteger = z
  .union([z.string().regex(/^\d{1,20}$/), z.int().min(0)])
  .transform((value) => String(value))
  .nullish()
  .transform((value) => value ?? undefined);

/** User data of our own runs: `{"aidboxops": {…}}`. Anything else in that place is foreign. */
const OwnUserData = z.object({
  aidboxops: z.object({ uid: z.string(), namespace: z.string(), statefulSet: z.string() }),
});

const Entry = z
  .object({
    backup_name: z.string().regex(/^base_[0-9A-F]{24}[0-9A-Z_]{0,60}$/),
    time: z.string().optional(),
    wal_file_name: z.string().optional(),
    start_time: z.string().optional(),
    finish_time: z.string().optional(),
    start_lsn: UnsignedInteger,
    finish_lsn: UnsignedInteger,
    is_permanent: z.boolean().default(false),
    system_identifier: UnsignedInteger,
    uncompressed_size: z.number().optional(),
    compressed_size: z.number().optional(),
    user_data: z.unknown().optional(),
  })
  .transform((entry) => ({
    name: entry.backup_name,
    /** When it was finished, Unix seconds; the object's time when wal-g gives no finish time. */
    finishedAt: parseTime(entry.finish_time) ?? parseTime(entry.time) ?? 0,
    startedAt: parseTime(entry.start_time) ?? parseTime(entry.time) ?? 0,
    startLSN: entry.start_lsn,
    finishLSN: entry.finish_lsn,
    permanent: entry.is_permanent,
    systemIdentifier: entry.system_identifier,
    uncompressedSize: entry.uncompressed_size,
    compressedSize: entry.compressed_size,
    owner: OwnUserData.safeParse(entry.user_data).data?.aidboxops,
  }));

/** One stored backup. LSNs and identifiers are decimal text. `owner` is set when one of our runs made it. */
export type CatalogueEntry = z.output<typeof Entry>;

/** Everything stored, or why it is not known. */
export type Catalogue =
  | { readonly known: true; readonly entries: readonly CatalogueEntry[] }
  | { readonly known: false; readonly why: string };

/**
 * Parses `backup-list`. One entry that does not parse makes the whole list unknown: to leave it out would mean "there
 * is no such backup", and decisions to delete rest on that.
 */
export function parseCatalogue(answer: CatalogueAnswer): Catalogue {
  if (answer.backups === undefined) return { known: false, why: oneLine(answer.error ?? 'the list could not be read') };
  if (answer.plain)
    return { known: false, why: oneLine(answer.error ?? 'details of at least one stored backup could not be read') };
  const parsed = z.array(Entry).safeParse(parseOrUndefined(answer.backups));
  if (parsed.success) return { known: true, entries: parsed.data };
  return { known: false, why: oneLine(`wal-g's list is not as documented: ${z.prettifyError(parsed.error)}`) };
}

function parseOrUndefined(text: string): unknown {
  try {
    return parseLossless(text);
  } catch {
    return undefined;
  }
}

/** Whose backup is to be proved. */
export interface Claim {
  readonly uid: string;
  readonly namespace: string;
  readonly statefulSet: string;
}

export type Proof =
  | { readonly verdict: 'proved'; readonly entry: CatalogueEntry }
  /** Nothing of this run is in the catalogue. */
  | { readonly verdict: 'absent' }
  /** Listed, but `segment` or one before it is not stored: it cannot be restored now. */
  | { readonly verdict: 'walMissing'; readonly entry: CatalogueEntry; readonly segment: string }
  /** Listed under this run's UID, but it is a backup of another database. */
  | { readonly verdict: 'foreign'; readonly entry: CatalogueEntry }
  | { readonly verdict: 'unknown'; readonly why: string };

/** Holds a run's claim against the catalogue. */
export function prove(answer: CatalogueAnswer, claim: Claim): Proof {
  const catalogue = parseCatalogue(answer);
  if (!catalogue.known) return { verdict: 'unknown', why: catalogue.why };
  const entry = catalogue.entries.find((candidate) => isClaimed(candidate, claim));
  const timelines = readTimelines(answer.wal);
  const unlisted = { verdict: 'unknown', why: oneLine(answer.error ?? 'the stored WAL could not be listed') } as const;
  // wal-g up to 3.0.5 also shows an empty list when the storage fails: a storage that can be read lists its WAL.
  if (entry === undefined)
    return catalogue.entries.length === 0 && timelines === undefined ? unlisted : { verdict: 'absent' };
  if (entry.systemIdentifier !== answer.systemIdentifier) return { verdict: 'foreign', entry };
  if (timelines === undefined) return unlisted;
  const hidden = whatIsNotSaid(entry, answer);
  if (hidden !== undefined) return { verdict: 'unknown', why: hidden };
  const missing = firstMissingSegment(segmentRange(entry, answer.segmentSize), timelines, answer.ready);
  return missing === undefined ? { verdict: 'proved', entry } : { verdict: 'walMissing', entry, segment: missing };
}

/** Says why nothing can be proved: without start and finish LSN a backup with missing WAL would seem complete. */
function whatIsNotSaid(entry: CatalogueEntry, answer: CatalogueAnswer): string | undefined {
  const { ready, readyTotal, segmentSize } = answer;
  const { name, startLSN, finishLSN } = entry;
  if (startLSN === undefined || BigInt(finishLSN ?? 0) <= BigInt(startLSN))
    return `${name} is listed without the positions of its WAL`;
  const oldest = ready[0];
  const mayWaitUnseen =
    readyTotal > ready.length && (oldest === undefined || segmentRange(entry, segmentSize)[0] < oldest);
  return mayWaitUnseen ? `${readyTotal} WAL segments wait to be archived, more than can be searched` : undefined;
}

function isClaimed({ owner }: CatalogueEntry, claim: Claim): boolean {
  return owner?.uid === claim.uid && owner.namespace === claim.namespace && owner.statefulSet === claim.statefulSet;
}

const Segment = z.string().regex(/^[0-9A-F]{24}$/);
const Timeline = z.object({
  id: z.int(),
  start_segment: Segment,
  end_segment: Segment,
  missing_segments: z.array(z.string()).nullish(),
});
type Timeline = z.infer<typeof Timeline>;

function readTimelines(wal: string | undefined): Timeline[] | undefined {
  return z.array(Timeline).safeParse(parseOrUndefined(wal ?? '')).data;
}

/** A segment that PostgreSQL still waits to archive may be stored under the same name by an older database in the same prefix. */
function firstMissingSegment(
  [first, last]: readonly [string, string],
  timelines: readonly Timeline[],
  ready: readonly string[],
): string | undefined {
  const timeline = timelines.find(({ id }) => id === Number.parseInt(first.slice(0, 8), 16));
  if (timeline === undefined || timeline.start_segment > first) return first;
  if (timeline.end_segment < last) return last;
  const inRange = (segment: string): boolean => segment >= first && segment <= last;
  return [...(timeline.missing_segments ?? []), ...ready].find(inRange);
}

/** What initdb makes without --wal-segsize (bytes). */
const defaultSegmentSize = 16 * 1024 * 1024;

/**
 * First and last WAL segment that a restore of this backup needs. PostgreSQL names the segment that *precedes* the stop
 * position when that lies on a boundary (XLByteToPrevSeg), so the last byte needed is the one before it.
 */
export function segmentRange(
  entry: Pick<CatalogueEntry, 'name' | 'startLSN' | 'finishLSN'>,
  segmentSize: number = defaultSegmentSize,
): readonly [string, string] {
  const first = entry.name.slice('base_'.length, 'base_'.length + 24);
  if (entry.finishLSN === undefined) return [first, first];
  const lastByte = BigInt(entry.finishLSN) - 1n;
  const hex = (value: bigint): string => value.toString(16).toUpperCase().padStart(8, '0');
  return [first, `${first.slice(0, 8)}${hex(lastByte >> 32n)}${hex((lastByte & 0xffff_ffffn) / BigInt(segmentSize))}`];
}

/** `0/20000C0`: a log sequence number as PostgreSQL writes it, from the decimal text that wal-g gives. */
export function lsnText(lsn: string | undefined): string | undefined {
  if (lsn === undefined) return undefined;
  const value = BigInt(lsn);
  const hex = (part: bigint): string => part.toString(16).toUpperCase();
  return `${hex(value >> 32n)}/${hex(value & 0xffff_ffffn)}`;
}
