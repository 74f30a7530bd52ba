/**
 * The proof of a backup: an entry in the catalogue with the run's own user data and the database's system identifier, all
 * its parts stored, and those of each backup that it rests on, and every WAL segment from its start to its finish. No side effects.
 */
import * as z from 'zod';
import { oneLine } from '../text.ts';
import type { UnixSeconds } from '../time.ts';
import { parseCatalogue, parseOrUndefined, unreadableText, type CatalogueEntry } from './catalogue.ts';
import { chainOf, followChain } from './chain.ts';
import type { CatalogueAnswer, StoredPart } from '../run/protocol.ts';

/** Whose backup is to be proved. */
export interface Claim {
  readonly uid: string;
  readonly namespace: string;
  readonly statefulSet: string;
  /** When its PgBackup was made, by the API server's clock: nothing that was stored before is this run's. */
  readonly since: UnixSeconds;
}

export type Proof =
  | { readonly verdict: 'proved'; readonly entry: CatalogueEntry }
  /** Nothing of this run is in the catalogue. */
  | { readonly verdict: 'absent' }
  /** Listed, but `segment` or one before it is not stored: it cannot be restored now. */
  | { readonly verdict: 'walMissing'; readonly entry: CatalogueEntry; readonly segment: string }
  /** Listed, but something of it, or something that it rests on, is not stored. `text` says what, in a sentence. */
  | { readonly verdict: 'notWhole'; readonly entry: CatalogueEntry; readonly text: string }
  /** Listed under this run's UID, but it is a backup of another database. */
  | { readonly verdict: 'foreign'; readonly entry: CatalogueEntry }
  | { readonly verdict: 'unknown'; readonly why: string };

/** Holds a run's claim against the catalogue. */
export function prove(answer: CatalogueAnswer, claim: Claim): Proof {
  const catalogue = parseCatalogue(answer);
  if (!catalogue.known) return { verdict: 'unknown', why: catalogue.why };
  const { entries } = catalogue;
  const entry = entries.find((candidate) => isClaimed(candidate, claim));
  // wal-g up to 3.0.5 also shows an empty list when the storage fails: a storage that can be read lists its WAL.
  if (entries.length === 0 && readTimelines(answer.wal) === undefined) return unlisted(answer);
  if (entry === undefined) return absentOrHidden(entries, claim, answer.error);
  for (const check of checks) {
    const doubt = check({ answer, entries, entry });
    if (doubt !== undefined) return doubt;
  }
  return { verdict: 'proved', entry };
}

/** A backup that is listed under the run's UID, and everything that was read with it. */
interface Candidate {
  readonly answer: CatalogueAnswer;
  readonly entries: readonly CatalogueEntry[];
  readonly entry: CatalogueEntry;
}

/** What speaks against the backup; the first hit is the verdict. */
const checks: readonly ((candidate: Candidate) => Proof | undefined)[] = [
  oddEntry,
  otherDatabase,
  hiddenWal,
  brokenChain,
  missingParts,
  missingWal,
];

function oddEntry({ entry }: Candidate): Proof | undefined {
  if (entry.readable) return undefined;
  return { verdict: 'unknown', why: `${entry.name} is listed, but not as wal-g documents it` };
}

function otherDatabase({ answer, entry }: Candidate): Proof | undefined {
  return entry.systemIdentifier === answer.systemIdentifier ? undefined : { verdict: 'foreign', entry };
}

function hiddenWal({ answer, entry }: Candidate): Proof | undefined {
  if (readTimelines(answer.wal) === undefined) return unlisted(answer);
  const why = whatIsNotSaid(entry, answer);
  return why === undefined ? undefined : { verdict: 'unknown', why };
}

function unlisted({ error }: CatalogueAnswer): Proof {
  return { verdict: 'unknown', why: oneLine(error ?? 'the stored WAL could not be listed') };
}

function brokenChain({ entries, entry }: Candidate): Proof | undefined {
  const chain = followChain(entry, entries);
  if (chain.whole) return undefined;
  const since =
    chain.why === 'notStored'
      ? 'which is not stored any more: it cannot be restored. Is there a lifecycle rule on the bucket?'
      : 'which was stored again under the same name since: it cannot be restored. Was the database set back?';
  return { verdict: 'notWhole', entry, text: `${entry.name} rests on ${chain.missing}, ${since}` };
}

/** wal-g neither lists nor fetches a backup by its parts: it reports no part that is gone. */
function missingParts({ answer, entries, entry }: Candidate): Proof | undefined {
  for (const link of chainOf(entry, entries) ?? [entry]) {
    const parts = answer.parts?.[link.name];
    if (parts === undefined)
      return { verdict: 'unknown', why: oneLine(answer.error ?? `the parts of ${link.name} could not be listed`) };
    const gap = gapOf(link, parts);
    if (gap === undefined) continue;
    const rests = link === entry ? '' : `${entry.name} rests on it. `;
    const text = `${link.name} is not whole: ${gap}. ${rests}It cannot be restored. Is there a lifecycle rule on the bucket?`;
    return { verdict: 'notWhole', entry, text };
  }
  return undefined;
}

/**
 * Says what of a backup is not stored. A gap in the numbers of parts is none, because wal-g leaves some out. Its figure of the
 * size is taken before the last upload ends, so what is stored may be a little more.
 */
function gapOf({ compressedSize = 0 }: CatalogueEntry, parts: readonly StoredPart[]): string | undefined {
  if (!parts.some(({ name }) => name.startsWith('part_'))) return 'no part of it is stored';
  if (!parts.some(({ name }) => name.startsWith('pg_control.tar'))) return 'the part with pg_control is not stored';
  const bytes = parts.reduce((sum, part) => sum + part.bytes, 0);
  return bytes >= compressedSize ? undefined : `its ${parts.length} parts have ${bytes} of ${compressedSize} bytes`;
}

function missingWal({ answer, entry }: Candidate): Proof | undefined {
  const timelines = readTimelines(answer.wal) ?? [];
  const segment = firstMissingSegment(segmentRange(entry, answer.segmentSize), timelines, answer.ready);
  return segment === undefined ? undefined : { verdict: 'walMissing', entry, segment };
}

/** How far the clocks of the storage and of the API server may differ, in seconds. */
const clockSkew = 3600;

/** An entry that cannot be read may be this run's, unless it was stored before the run was asked for. */
function absentOrHidden(entries: readonly CatalogueEntry[], { since }: Claim, error?: string): Proof {
  const hidden = entries.filter(
    ({ readable, owner, finishedAt }) =>
      !readable && owner === undefined && (finishedAt === 0 || finishedAt >= since - clockSkew),
  );
  const why = unreadableText(hidden);
  if (why === undefined) return { verdict: 'absent' };
  return { verdict: 'unknown', why: error === undefined ? why : oneLine(`${why}: ${error}`) };
}

/** Says why nothing can be proved: without start and finish LSN a backup with missing WAL would seem complete. */
export function whatIsNotSaid(entry: CatalogueEntry, answer: CatalogueAnswer): string | undefined {
  const { ready, readyTotal, segmentSize } = answer;
  const { name, startLSN, finishLSN } = entry;
  if (startLSN === undefined || BigInt(finishLSN ?? 0) <= BigInt(startLSN))
    return `${name} is listed without the positions of its WAL`;
  const oldest = ready[0];
  const mayWaitUnseen =
    readyTotal > ready.length && (oldest === undefined || segmentRange(entry, segmentSize)[0] < oldest);
  return mayWaitUnseen ? `${readyTotal} WAL segments wait to be archived, more than can be searched` : undefined;
}

export function isClaimed({ owner }: CatalogueEntry, claim: Claim): boolean {
  return owner?.uid === claim.uid && owner.namespace === claim.namespace && owner.statefulSet === claim.statefulSet;
}

export const Segment = z.string().regex(/^[0-9A-F]{24}$/);

export const Timeline = z.object({
  id: z.int(),
  start_segment: Segment,
  end_segment: Segment,
  missing_segments: z.array(z.string()).nullish(),
});

export type Timeline = z.infer<typeof Timeline>;

export function readTimelines(wal: string | undefined): Timeline[] | undefined {
  return z.array(Timeline).safeParse(parseOrUndefined(wal ?? '')).data;
}

/** A segment that PostgreSQL still waits to archive may be stored under the same name by an older database in the same prefix. */
export function firstMissingSegment(
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

/** How many segments there are from the first to the last. */
export function segmentsOf([first, last]: readonly [string, string], segmentSize: number = defaultSegmentSize): number {
  return segmentNumber(last, segmentSize) - segmentNumber(first, segmentSize) + 1;
}

function segmentNumber(segment: string, segmentSize: number): number {
  const half = (from: number): number => Number.parseInt(segment.slice(from, from + 8), 16);
  return half(8) * (2 ** 32 / segmentSize) + half(16);
}

/** What initdb makes without --wal-segsize (bytes). */
export const defaultSegmentSize = 16 * 1024 * 1024;

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
  return [first, `${first.slice(0, 8)}${hex(lastByte >> 32n)}${hex((lastByte & 0xffffffffn) / BigInt(segmentSize))}`];
}
