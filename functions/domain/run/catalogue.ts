/**
 * The catalogue: what wal-g has stored, read from `backup-list --detail --json`. What it proves of a backup is in proof.ts.
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

export function parseOrUndefined(text: string): unknown {
  try {
    return parseLossless(text);
  } catch {
    return undefined;
  }
}

/** `0/20000C0`: a log sequence number as PostgreSQL writes it, from the decimal text that wal-g gives. */
export function lsnText(lsn: string | undefined): string | undefined {
  if (lsn === undefined) return undefined;
  const value = BigInt(lsn);
  const hex = (part: bigint): string => part.toString(16).toUpperCase();
  return `${hex(value >> 32n)}/${hex(value & 0xffff_ffffn)}`;
}
