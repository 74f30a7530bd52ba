/** Processes of the runs in one database's container. */
import { readdirSync, readFileSync } from 'node:fs';

/** `<run id>/<kind>` of every living process of a run that works with this storage prefix. */
export function livingRuns(walgPrefix: string): string[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((pid) => runOf(pid, walgPrefix) ?? []);
}

function runOf(pid: string, walgPrefix: string): string | undefined {
  try {
    const environment = readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0');
    if (!environment.includes(`WALG_FILE_PREFIX=${walgPrefix}`)) return undefined;
    return environment.find((one) => one.startsWith('AIDBOXOPS_RUN='))?.slice('AIDBOXOPS_RUN='.length);
  } catch {
    // Ended while it was looked at, or of another user: none of ours.
    return undefined;
  }
}
