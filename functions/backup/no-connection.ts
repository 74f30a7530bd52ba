/** A run that met a database which takes no connection now: that is a wait, not an end. No side effects. */
import type { Command } from '../domain/commands/command.ts';
import { podRef } from '../domain/commands/run-commands.ts';
import type { Executor } from '../domain/resources/executor.ts';
import type { RunReport } from '../domain/run/protocol.ts';
import { podPatience, soonAfterStart } from '../domain/run/limits.ts';
import type { Observation } from './observation.ts';
import { noConnection, relaunch } from './start.ts';
import type { Transition } from './transition.ts';
import type { PgBackup } from '../domain/resources/pg-backup.ts';

/** SQLSTATE cannot_connect_now: the server recovers, starts or stops. So soon after the start wal-g has done nothing yet. */
export function foundNoDatabase({ endedAt, firstError = '', lastError = '', log, startedAt }: RunReport): boolean {
  if (startedAt === undefined || endedAt === undefined || endedAt - startedAt > soonAfterStart) return false;
  return /\b57P03\b/.test([firstError, lastError, log.head, log.tail].join('\n'));
}

/** Back into the queue, where the pod is judged anew. The files of the run go, because one id never runs twice. */
export function waitForConnections(observation: Observation, backup: PgBackup, executor: Executor): Transition {
  const { uid, name, namespace } = backup.metadata;
  const { directory, pod } = executor;
  const prune: Command = { type: 'prune', pod: podRef(namespace, pod), directory, runs: [{ id: uid, name }] };
  const tooLong = `PostgreSQL in ${pod} took no connection within ${podPatience / 60} min (SQLSTATE 57P03). Run a new backup when it does.`;
  return { ...relaunch(observation, backup, { message: noConnection, tooLong }), after: [prune] };
}
