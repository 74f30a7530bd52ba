import type { Command } from './commands.ts';
import { apiVersion } from './names.ts';
import type { PgBackup, PgManager } from './resources.ts';
import { halfMinuteSchedule } from './timer.ts';

/** Wakes the backup function every 30 s while this PgBackup is unfinished or unannounced. */
export function backupTimer(backup: PgBackup): Command {
  return observeTimer('backup', backup);
}

/** Wakes the rotation function every 30 s while a rotation of this manager is due or runs. */
export function rotationTimer(manager: PgManager): Command {
  return observeTimer('rotation', manager);
}

function observeTimer(purpose: 'backup' | 'rotation', { kind, metadata, spec }: PgBackup | PgManager): Command {
  const { name, namespace, uid } = metadata;
  return {
    type: 'applyTimer',
    timer: {
      purpose,
      owner: { apiVersion, kind, name, namespace, uid },
      schedule: halfMinuteSchedule(uid),
      data: { namespace, name, statefulSet: spec.selector.name },
    },
  };
}
