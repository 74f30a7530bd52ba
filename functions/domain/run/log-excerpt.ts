/** What messages quote of a run's log, and where all of it is. No side effects. */
import { containerName } from '../resources/names.ts';
import type { RunReport } from './protocol.ts';
import { oneLine } from '../text.ts';

/** Last line of the log, at most 200 characters. */
export function lastLine(run: RunReport): string {
  return oneLine(run.log.tail.trimEnd().split('\n').at(-1) ?? '').slice(0, 200);
}

/** wal-g blames the last endpoint that it tried: the first ERROR line says more; the last is shown if it differs. */
export function errorLines(run: RunReport): string {
  const first = run.firstError ?? lastLine(run);
  const last = run.lastError ?? first;
  return oneLine(first === last ? first : `${first} … ${last}`).slice(0, 400);
}

/** The command that shows all that wal-g said; `file` is absolute inside the container. */
export function fullLog(at: { readonly namespace: string; readonly pod: string; readonly file: string }): string {
  return `Full log: kubectl exec -n ${at.namespace} ${at.pod} -c ${containerName} -- cat ${at.file}`;
}
