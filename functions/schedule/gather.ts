/** Reads what a decision about one PgManager needs, and nothing else. */
import { path } from '../domain/resources/api-paths.ts';
import { parseEach } from '../domain/resources/metadata.ts';
import { label } from '../domain/resources/names.ts';
import { PgBackup } from '../domain/resources/pg-backup.ts';
import type { PgManager } from '../domain/resources/pg-manager.ts';
import { slotBackupName } from './slot-backup.ts';
import { listManagers } from '../platform/kubernetes/read.ts';
import { serverNow, type Kube } from '../platform/kubernetes/client.ts';
import { listAll } from '../platform/kubernetes/list.ts';
import type { Log } from '../platform/log.ts';
import { slotDecisionOf } from './slots.ts';
import { type Observation } from './observation.ts';

export interface Reader {
  readonly kube: Kube;
  readonly log: Log;
}

/** What the activation knows already. */
export interface Known {
  /** The slot timer woke us. */
  readonly ticked: boolean;
  readonly afterConflict: boolean;
  /** As `managersWithSelectorOf` answers. */
  readonly sameSelector?: readonly PgManager[] | undefined;
}

/**
 * What is true around this manager; the common case, nothing due, needs no further reading. Its creation
 * shows whether the slot's name is taken: the object is read after a conflict only.
 */
export async function gather(reader: Reader, manager: PgManager, known: Known): Promise<Observation> {
  const { afterConflict, ticked } = known;
  const now = serverNow(reader.kube);
  const { name, namespace } = manager.metadata;
  const { run, missed } = slotDecisionOf(manager, now);
  const nothing = { now, manager, ticked, sameSelector: [], ownBackups: new Set<string>() };
  const isAhead = run !== undefined && run > now;
  if (isAhead || (run === undefined && missed.length === 0)) return nothing;
  const sameSelector = known.sameSelector ?? (await managersWithSelectorOf(reader, manager));
  const slotBackup =
    run === undefined || !afterConflict
      ? undefined
      : PgBackup.safeParse(await reader.kube.get(path.backup(namespace, slotBackupName(name, run)))).data;
  const ownBackups = missed.length === 0 ? nothing.ownBackups : await ownBackupNames(reader, manager);
  return { ...nothing, sameSelector, slotBackup, ownBackups };
}

/** Returns all PgManagers with the selector of this one, itself among them. */
export function managersWithSelectorOf(reader: Reader, { metadata, spec }: PgManager): Promise<PgManager[]> {
  return listManagers(reader, { namespace: metadata.namespace, statefulSet: spec.selector.name });
}

async function ownBackupNames(reader: Reader, manager: PgManager): Promise<Set<string>> {
  const { namespace, uid } = manager.metadata;
  const labelSelector = `${label.managerUid}=${uid}`;
  const backups = parseEach(
    PgBackup,
    await listAll(reader.kube, path.backups(namespace), { labelSelector }),
    () => undefined,
  );
  return new Set(backups.map(({ metadata }) => metadata.name));
}
