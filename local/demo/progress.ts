/** How far the demo has come, from the objects in the API server. No side effects. */

/** The fields of a PgManager that the demo reads. */
export interface Manager {
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly status?: {
    readonly schedule?: { readonly nextSlot?: string; readonly message?: string };
    readonly conditions?: {
      readonly backup?: Block & { readonly lastSuccess?: { readonly uid?: string } };
      readonly rotation?: Block & { readonly servedBackup?: string };
      readonly storage?: Block & { readonly state?: string };
    };
  };
}

/** One of the three blocks of conditions. */
interface Block {
  readonly status?: string;
  readonly message?: string;
}

/** The fields of a PgBackup that the demo reads. */
export interface Backup {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly status?: { readonly state?: string; readonly message?: string; readonly duration?: string };
}

/** What is still to come of a round of scheduled backup, rotation and storage probe. Empty when all is well. */
export function missingOf(manager: Manager | undefined, backups: readonly Backup[]): string[] {
  const { backup, rotation, storage } = manager?.status?.conditions ?? {};
  const wanted: [string, boolean][] = [
    ['a scheduled backup in success', scheduled(backups).some((one) => one.status?.state === 'success')],
    ['conditions.backup ok', isOk(backup)],
    ['conditions.rotation ok, for the last success', isOk(rotation) && isServed(manager)],
    ['conditions.storage ok', isOk(storage)],
  ];
  return wanted.filter(([, isThere]) => !isThere).map(([what]) => what);
}

function isOk(block: Block | undefined): boolean {
  return block?.status === 'ok';
}

/** The rotation that followed the last success is over. */
function isServed(manager: Manager | undefined): boolean {
  const { backup, rotation } = manager?.status?.conditions ?? {};
  return rotation?.servedBackup !== undefined && rotation.servedBackup === backup?.lastSuccess?.uid;
}

/** Why it can no longer succeed, if so. */
export function failureOf(backups: readonly Backup[]): string | undefined {
  const failed = backups.find((one) => one.status?.state === 'error');
  return failed === undefined ? undefined : `PgBackup ${failed.metadata.name} failed: ${failed.status?.message ?? ''}`;
}

/** Backups that a schedule made; the others were made by hand. */
export function scheduled(backups: readonly Backup[]): Backup[] {
  return backups.filter((one) => one.metadata.labels?.['aidbox.pg/manager'] !== undefined);
}

/** One line that says how a PgManager is. */
export function managerLine(manager: Manager): string {
  const { schedule, conditions: { backup, rotation, storage } = {} } = manager.status ?? {};
  const values = {
    backup: backup?.status,
    rotation: rotation?.status,
    storage: storage?.state,
    next: schedule?.nextSlot,
  };
  const parts = Object.entries(values).map(([name, value]) => `${name} ${value ?? '–'}`);
  return `PgManager ${manager.metadata.name}: ${parts.join(', ')}`;
}

/** One line that says how a PgBackup is. */
export function backupLine(backup: Backup): string {
  const firstLine = (backup.status?.message ?? '').split('\n')[0] ?? '';
  const detail = firstLine === '' ? '' : `: ${firstLine}`;
  return `PgBackup ${backup.metadata.name}: ${backup.status?.state ?? 'new'}${detail}`;
}
