/** Objects that an earlier round has read, as they are after its writes. */
import { parseEach } from '../../domain/resources/metadata.ts';
import { PgBackup } from '../../domain/resources/pg-backup.ts';
import { PgManager } from '../../domain/resources/pg-manager.ts';
import type { Writes } from './apply.ts';

interface Identified {
  readonly metadata: { readonly uid: string };
}

/** Written ones are replaced, removed ones left out, all in their old order. */
export function backupsAfter(backups: readonly PgBackup[], { removed, written }: Writes): PgBackup[] {
  const left = backups.filter(({ metadata }) => !removed.includes(metadata.uid));
  return replaced(left, parseEach(PgBackup, written, notOfThisKind));
}

/** Written ones are replaced, in their old order. */
export function managersAfter(managers: readonly PgManager[], { written }: Writes): PgManager[] {
  return replaced(managers, parseEach(PgManager, written, notOfThisKind));
}

function replaced<T extends Identified>(objects: readonly T[], newer: readonly T[]): T[] {
  const byUid = new Map(newer.map((object) => [object.metadata.uid, object]));
  return objects.map((object) => byUid.get(object.metadata.uid) ?? object);
}

function notOfThisKind(): void {
  // what was written are PgBackups and PgManagers, each list takes its own
}
