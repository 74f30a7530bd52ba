import type { Command } from '../domain/commands/command.ts';
import { fieldManager } from '../domain/resources/names.ts';
import type { PgBackup, PgBackupStatus } from '../domain/resources/pg-backup.ts';

/**
 * What a decision means for one PgBackup. `write`: its status changes. `wait`: something is in progress. `retry`: not enough
 * is known to continue in this activation. `startLost`: its start never arrived in the pod, so it may be started again.
 */
export type Transition =
  | {
      readonly kind: 'write';
      /** Stops an orphan before the status says that it was stopped. */
      readonly before?: readonly Command[];
      readonly status: PgBackupStatus;
      /** Comes after the status is stored: the start of a run. */
      readonly after?: readonly Command[];
      readonly reason: string;
      readonly message: string;
    }
  | {
      readonly kind: 'wait' | 'retry';
      readonly commands?: readonly Command[];
      readonly reason: string;
      readonly message: string;
    }
  | { readonly kind: 'startLost' };

/** The whole status of a PgBackup, decided from the version that was read. */
export function applyBackupStatus(backup: PgBackup, status: PgBackupStatus): Command {
  return { type: 'applyStatus', kind: 'PgBackup', target: backup.metadata, fieldManager: fieldManager.backup, status };
}

/** Commands of a step that writes. */
export function transitionCommands(backup: PgBackup, step: Extract<Transition, { kind: 'write' }>): Command[] {
  return [...(step.before ?? []), applyBackupStatus(backup, step.status), ...(step.after ?? [])];
}
