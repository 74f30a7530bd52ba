/** What one probe of a database and its storage found. */
import type { Location } from '../domain/run/location.ts';
import type { ProbeAnswer, RunKind } from '../domain/run/protocol.ts';
import type { PgManager } from '../domain/resources/pg-manager.ts';
import type { RunnerResult } from '../domain/run/observed-run.ts';

/** A database as a PgManager names it; the StatefulSet need not exist. */
export interface ProbedDatabase {
  readonly namespace: string;
  readonly statefulSet: string;
  /** Where runs keep their files in the pod. */
  readonly directory: string;
}

/** The database that a manager names. */
export function subjectOf({ metadata, spec }: PgManager): ProbedDatabase {
  return { namespace: metadata.namespace, statefulSet: spec.selector.name, directory: spec.backup.directory };
}

export interface Finding {
  readonly subject: ProbedDatabase;
  readonly location: Location;
  /** Set when there was a pod to ask. */
  readonly answer?: { readonly pod: string; readonly result: RunnerResult<ProbeAnswer> } | undefined;
  /** A run that holds the lock of the data directory and that no unfinished PgBackup and no running rotation answers for. */
  readonly orphan?: { readonly id: string; readonly kind: RunKind } | undefined;
}
