/** How far archiving is behind a stored backup, and whether it gets on. No side effects. */
import { readTimelines, segmentRange, segmentsOf, type Timeline } from './proof.ts';
import type { CatalogueEntry } from './catalogue.ts';
import type { CatalogueAnswer } from '../run/protocol.ts';

/** What moves while archiving gets on, whatever it has to do first. */
export interface ArchiveMark {
  /** How many WAL segments of the backup are not stored. */
  readonly missing: number;
  /** The first file that PostgreSQL waits to archive, a segment or not: one that fails blocks all behind it. */
  readonly oldestReady?: string | undefined;
  /** The newest stored segment of the backup's timeline: wal-g uploads ahead, and PostgreSQL learns of it later. */
  readonly newestStored?: string | undefined;
}

export function archiveMark(entry: CatalogueEntry, answer: CatalogueAnswer): ArchiveMark {
  const range = segmentRange(entry, answer.segmentSize);
  const timeline = timelineOf(range[0], readTimelines(answer.wal) ?? []);
  return {
    missing: countMissing(range, timeline, answer),
    oldestReady: answer.oldestReady ?? answer.ready[0],
    newestStored: timeline?.end_segment,
  };
}

/** One of the three moved in its direction since `before`. */
export function gotOn(before: ArchiveMark, after: ArchiveMark): boolean {
  if (after.missing < before.missing) return true;
  if (before.oldestReady !== undefined && (after.oldestReady ?? '~') > before.oldestReady) return true;
  return (after.newestStored ?? '') > (before.newestStored ?? '');
}

/** The archiver's last failure, when nothing was archived after it. */
export function lastFailure({ archiver }: CatalogueAnswer): string | undefined {
  if (archiver === undefined || archiver.lastFailedTime <= archiver.lastArchivedTime) return undefined;
  return `last failure ${archiver.lastFailedTime} at ${archiver.lastFailedWal}`;
}

function timelineOf(segment: string, timelines: readonly Timeline[]): Timeline | undefined {
  return timelines.find(({ id }) => id === Number.parseInt(segment.slice(0, 8), 16));
}

function countMissing(
  [first, last]: readonly [string, string],
  timeline: Timeline | undefined,
  { ready, segmentSize }: CatalogueAnswer,
): number {
  const length = segmentsOf([first, last], segmentSize);
  if (timeline === undefined || timeline.end_segment < first || timeline.start_segment > last) return length;
  const before = timeline.start_segment > first ? segmentsOf([first, timeline.start_segment], segmentSize) - 1 : 0;
  const behind = timeline.end_segment < last ? segmentsOf([timeline.end_segment, last], segmentSize) - 1 : 0;
  const inside = (segment: string): boolean =>
    segment >= first && segment <= last && segment >= timeline.start_segment && segment <= timeline.end_segment;
  return before + behind + new Set([...(timeline.missing_segments ?? []), ...ready].filter(inside)).size;
}
