/** The PgManagers and PgBackups of a running environment, as they are now; says when something changes. */
import type { Environment } from '../environment-types.ts';
import { follow } from '../kubernetes/client/follow.ts';
import type { Stored } from '../kubernetes/client/objects.ts';
import { backupLine, managerLine, type Backup, type Manager } from './progress.ts';

/** The live view. */
export interface LiveState {
  managers(): readonly Manager[];
  backups(): readonly Backup[];
  stop(): void;
}

/** Follows both kinds in all namespaces; `changed` gets a line when what a person would see is different. */
export function followState(environment: Environment, changed: (line: string) => void): LiveState {
  const shown = new Map<string, string>();

  function show(uid: string, line: string): void {
    if (shown.get(uid) === line) return;
    shown.set(uid, line);
    changed(line);
  }

  const managers = follow<Stored & Manager>(environment.rest, '/apis/aidbox.pg/v01/pgmanagers', ({ type, object }) =>
    show(object.metadata.uid, type === 'deleted' ? `PgManager ${object.metadata.name}: deleted` : managerLine(object)),
  );
  const backups = follow<Stored & Backup>(environment.rest, '/apis/aidbox.pg/v01/pgbackups', ({ type, object }) =>
    show(object.metadata.uid, type === 'deleted' ? `PgBackup ${object.metadata.name}: deleted` : backupLine(object)),
  );
  return {
    managers: () => managers.all(),
    backups: () => backups.all(),
    stop() {
      managers.stop();
      backups.stop();
    },
  };
}
