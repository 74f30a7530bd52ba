/** Whose a stored backup is, by what its user data says of its maker. No side effects. */
import type { CatalogueEntry } from '../domain/catalogue/catalogue.ts';

/** The installation that asks, and what it knows of its own runs. */
export interface Installation {
  /** UID of the Namespace: two clusters may use the same names. */
  readonly cluster: string;
  readonly namespace: string;
  readonly statefulSet: string;
  /** UIDs of the PgBackups that are here. */
  readonly known: ReadonlySet<string>;
}

/**
 * `ours`: this installation made it. `notOurs`: made by something else or nobody knows, for example a person's push, or an
 * entry that cannot be read. `other`: made by aidboxops in another cluster, namespace or StatefulSet.
 */
export type Ownership = 'ours' | 'notOurs' | 'other';

export function ownershipOf(
  installation: Installation,
  { owner, readable }: Pick<CatalogueEntry, 'owner' | 'readable'>,
): Ownership {
  if (!readable || owner === undefined) return 'notOurs';
  const { cluster, namespace, statefulSet } = installation;
  if (owner.namespace !== namespace || owner.statefulSet !== statefulSet) return 'other';
  // Before format 2 the user data did not name the cluster. Then the run was ours when its PgBackup is here.
  if (owner.cluster === undefined) return installation.known.has(owner.uid) ? 'ours' : 'notOurs';
  return owner.cluster === cluster ? 'ours' : 'other';
}
