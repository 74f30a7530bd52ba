import type { Command } from './command.ts';
import { apiVersion } from '../resources/names.ts';
import type { PgBackup } from '../resources/pg-backup.ts';
import type { PgManager } from '../resources/pg-manager.ts';
import { parseTime } from '../time.ts';
import { halfMinuteSchedule } from '../events/timer.ts';

/** Wakes the backup function every 30 s while this PgBackup is unfinished or unannounced. */
export function backupTimer(backup: PgBackup): Command {
  return observeTimer('backup', backup, backup.metadata.creationTimestamp);
}

/** Wakes the rotation function every 30 s while a rotation of this manager is due or runs. `finishTime` is that of the success that it serves. */
export function rotationTimer(manager: PgManager, finishTime: string | undefined): Command {
  return observeTimer('rotation', manager, finishTime);
}

function observeTimer(
  purpose: 'backup' | 'rotation',
  { kind, metadata, spec }: PgBackup | PgManager,
  since: string | undefined,
): Command {
  const { name, namespace, uid } = metadata;
  return {
    type: 'applyTimer',
    timer: {
      purpose,
      owner: { apiVersion, kind, name, namespace, uid },
      schedule: halfMinuteSchedule(uid, parseTime(since) ?? 0),
      data: { namespace, name, statefulSet: spec.selector.name },
    },
  };
}
