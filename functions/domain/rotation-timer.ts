import type { Command } from './commands.ts';
import { apiVersion } from './names.ts';
import type { PgManager } from './resources.ts';
import { halfMinuteSchedule } from './timer.ts';

/** Wakes the rotation function every 30 s while a rotation of this manager is due or runs. */
export function rotationTimer(manager: PgManager): Command {
  const { name, namespace, uid } = manager.metadata;
  return {
    type: 'applyTimer',
    timer: {
      purpose: 'rotation',
      owner: { apiVersion, kind: 'PgManager', name, namespace, uid },
      schedule: halfMinuteSchedule(uid),
      data: { namespace, name },
    },
  };
}
