/** The PgManagers and PgBackups of a running environment, as they are now; says when something changes. */
import type { Environment } from '../environment-types.ts';
import { startInformer, type Informer } from '../kubernetes/client/informer.ts';
import type { Stored } from '../kubernetes/client/objects.ts';
import { backupLine, managerLine, type Backup, type Manager } from './progress.ts';

/** The live view. */
export interface LiveState {
  managers(): readonly Manager[];
  backups(): readonly Backup[];
  stop(): void;
}

/** Watches both kinds in all namespaces; `changed` gets a line when what a person would see is different. */
export function followState(environment: Environment, changed: (line: string) => void): LiveState {
  const shown = new Map<string, string>();

  function show(uid: string, line: string): void {
    if (shown.get(uid) === line) return;
    shown.set(uid, line);
    changed(line);
  }

  function inform<T extends Stored>(path: string, kind: string, lineOf: (object: T) => string): Informer<T> {
    return startInformer<T>(environment.api, {
      path,
      changed: ({ type, object }) =>
        show(object.metadata.uid, type === 'deleted' ? `${kind} ${object.metadata.name}: deleted` : lineOf(object)),
    });
  }

  const managers = inform<Stored & Manager>('/apis/aidbox.pg/v01/pgmanagers', 'PgManager', managerLine);
  const backups = inform<Stored & Backup>('/apis/aidbox.pg/v01/pgbackups', 'PgBackup', backupLine);
  return {
    managers: () => managers.all(),
    backups: () => backups.all(),
    stop() {
      managers.stop();
      backups.stop();
    },
  };
}
