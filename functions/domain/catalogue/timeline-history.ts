/**
 * The history that a database is on: its timeline, and the timelines that it came from up to where each was left. A stored
 * backup of another history cannot be replayed to the present. No side effects.
 */
import type { CatalogueEntry } from './catalogue.ts';

/** Where each timeline was left (LSN); that of the present one has no end. A timeline that is not in it is of another history. */
export type TimelineHistory = ReadonlyMap<number, bigint | 'open'>;

/** `1	0/5000000	no recovery target specified`: parent timeline, where it was left, why. */
const historyLine = /^\s*(\d{1,10})\s+([0-9A-F]{1,8})\/([0-9A-F]{1,8})(?:\s|$)/i;

/**
 * Reads the `.history` file of the present timeline. Without the file only the present timeline is known to be of this
 * history: then less counts, and less is deleted.
 */
export function readHistory(present: number, lines: readonly string[]): TimelineHistory {
  const history = new Map<number, bigint | 'open'>();
  for (const line of lines) {
    const [, timeline, high, low] = historyLine.exec(line) ?? [];
    if (timeline === undefined || Number(timeline) >= present) continue;
    history.set(Number(timeline), (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`));
  }
  return history.set(present, 'open');
}

/** True when the present history contains all of this backup: its timeline is an ancestor, and it ended before the fork. */
export function isOnHistory(
  history: TimelineHistory,
  { name, finishLSN }: Pick<CatalogueEntry, 'name' | 'finishLSN'>,
): boolean {
  const end = history.get(timelineOf(name));
  if (end === undefined || end === 'open') return end === 'open';
  return finishLSN !== undefined && BigInt(finishLSN) <= end;
}

/** `base_0000000200…` is of timeline 2. */
export function timelineOf(name: string): number {
  return Number.parseInt(name.slice('base_'.length, 'base_'.length + 8), 16);
}
