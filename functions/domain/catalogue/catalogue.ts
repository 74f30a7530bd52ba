/**
 * The catalogue: what wal-g has stored, read from `backup-list --detail --json`. What it proves of a backup is in proof.ts.
 */
import * as z from 'zod';
import { parseLossless } from './lossless-json.ts';
import type { CatalogueAnswer } from '../run/protocol.ts';
import { oneLine } from '../text.ts';
import { parseTime, type UnixSeconds } from '../time.ts';

const UnsignedInteger = z
  .union([z.string().regex(/^\d{1,20}$/), z.int().min(0)])
  .transform((value) => String(value))
  .nullish()
  .transform((value) => value ?? undefined);

/** Go's zero time, for what an old wal-g did not record, is no time. */
const WalgTime = z
  .string()
  .nullish()
  .transform((text) => {
    const time = parseTime(text ?? undefined);
    return time === undefined || time <= 0 ? undefined : time;
  });

/** A size only informs: one that is odd is left out. */
const Size = z
  .number()
  .nullish()
  .catch(undefined)
  .transform((value) => value ?? undefined);

/**
 * User data of our own runs: `{"aidboxops": {…}}`. Anything else in that place is foreign. `cluster`, the UID of the
 * Namespace, is absent where an older version made the backup, or where the Namespace could not be read.
 */
const OwnUserData = z.object({
  aidboxops: z.object({
    uid: z.string(),
    namespace: z.string(),
    statefulSet: z.string(),
    cluster: z.string().min(1).optional(),
  }),
});
const Owner = z
  .unknown()
  .optional()
  .transform((userData) => OwnUserData.safeParse(userData).data?.aidboxops);

const Fields = {
  backup_name: z.string().regex(/^base_[0-9A-F]{24}[0-9A-Z_]{0,60}$/),
  time: z.string().optional(),
  start_time: WalgTime,
  finish_time: WalgTime,
  start_lsn: UnsignedInteger,
  finish_lsn: UnsignedInteger,
  is_permanent: z
    .boolean()
    .nullish()
    .transform((value) => value ?? false),
  system_identifier: UnsignedInteger.refine((value) => value !== undefined),
  uncompressed_size: Size,
  compressed_size: Size,
  user_data: Owner,
};

const Entry = z.object(Fields);

const nothing = z.unknown().transform(() => ({ backup_name: '' }));

/** What the plain list says. */
const listedFields = { backup_name: z.string().catch(''), time: Fields.time.catch(undefined) };
const Listed = z.object(listedFields).or(nothing);
const Metadata = z.record(z.string(), z.unknown());

/** Whatever stands in the list: each field that is as documented is taken, and every other one is left out. */
const OddEntry = z
  .object({
    ...listedFields,
    start_time: WalgTime.catch(undefined),
    finish_time: WalgTime.catch(undefined),
    start_lsn: UnsignedInteger.catch(undefined),
    finish_lsn: UnsignedInteger.catch(undefined),
    is_permanent: Fields.is_permanent.catch(false),
    system_identifier: UnsignedInteger.catch(undefined),
    uncompressed_size: Size,
    compressed_size: Size,
    user_data: Owner,
  })
  .or(nothing);

type Read = { readonly backup_name: string } & Partial<z.output<typeof Entry>>;

/** One stored backup. LSNs and identifiers are decimal text. */
export interface CatalogueEntry {
  /** Name in storage. Only that of a readable entry is sure to be `base_…`; it is empty when the list names nothing. */
  readonly name: string;
  /**
   * False when only the plain listing knows it, or when its name, system identifier, positions or mark are not as wal-g
   * documents them. Then nothing but its name and times is to be relied on: whose it is and whether it is permanent is not known.
   */
  readonly readable: boolean;
  /** When the storage got it, as the list says it. Another time under the same name is another backup. */
  readonly storedAt: string | undefined;
  /** When it was finished, Unix seconds; the object's time when wal-g gives no finish time; 0 when nothing is said. */
  readonly finishedAt: UnixSeconds;
  readonly startedAt: UnixSeconds;
  readonly startLSN: string | undefined;
  readonly finishLSN: string | undefined;
  readonly permanent: boolean;
  readonly systemIdentifier: string | undefined;
  readonly uncompressedSize: number | undefined;
  readonly compressedSize: number | undefined;
  /** Set when one of our runs made it. */
  readonly owner: z.output<typeof Owner>;
}

/** Everything stored, or why it is not known. */
export type Catalogue =
  | { readonly known: true; readonly entries: readonly CatalogueEntry[] }
  | { readonly known: false; readonly why: string };

/**
 * Parses `backup-list`. An entry that is odd, or known by its name only, stays in the list as one that cannot be read: to
 * leave it out would mean "there is no such backup", and to give up the list would hide the others.
 */
export function parseCatalogue(answer: CatalogueAnswer): Catalogue {
  if (answer.backups === undefined) return { known: false, why: oneLine(answer.error ?? 'the list could not be read') };
  const listed = z.array(z.unknown()).safeParse(parseOrUndefined(answer.backups));
  if (!listed.success)
    return { known: false, why: oneLine(`wal-g's list is not as documented: ${z.prettifyError(listed.error)}`) };
  const read = (raw: unknown): CatalogueEntry => (answer.plain ? readListed(raw, answer.details) : readEntry(raw));
  return { known: true, entries: listed.data.map(read) };
}

/** Names the entries that cannot be read, for a message; undefined when all can. */
export function unreadableText(entries: readonly CatalogueEntry[]): string | undefined {
  const names = entries.filter(({ readable }) => !readable).map(({ name }) => name || 'one without a name');
  if (names.length === 0) return undefined;
  const shown = names.slice(0, 3).join(', ');
  const more = names.length > 3 ? ` and ${names.length - 3} more` : '';
  return oneLine(`details of ${names.length} of ${entries.length} stored backups could not be read (${shown}${more})`);
}

/** Name and time of the plain list, and the rest from the backup's own metadata.json, when that was read. */
function readListed(raw: unknown, details: CatalogueAnswer['details'] = {}): CatalogueEntry {
  const listed = Listed.parse(raw);
  const metadata = Metadata.safeParse(parseOrUndefined(details[listed.backup_name] ?? '')).data;
  return metadata === undefined ? entryOf(listed, false) : readEntry({ ...metadata, ...listed });
}

function readEntry(raw: unknown): CatalogueEntry {
  const documented = Entry.safeParse(raw).data;
  return entryOf(documented ?? OddEntry.parse(raw), documented !== undefined);
}

function entryOf(read: Read, readable: boolean): CatalogueEntry {
  const storedAt = WalgTime.parse(read.time);
  return {
    name: read.backup_name,
    readable,
    storedAt: read.time,
    finishedAt: read.finish_time ?? storedAt ?? 0,
    startedAt: read.start_time ?? storedAt ?? 0,
    startLSN: read.start_lsn,
    finishLSN: read.finish_lsn,
    permanent: read.is_permanent ?? false,
    systemIdentifier: read.system_identifier,
    uncompressedSize: read.uncompressed_size,
    compressedSize: read.compressed_size,
    owner: read.user_data,
  };
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
