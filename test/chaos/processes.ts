/** Processes of the runs in one database's container. */
import { readdirSync, readFileSync } from 'node:fs';

const mark = 'AIDBOXOPS_RUN=';

/**
 * What lives of runs that work with this storage prefix: `<run id>/<kind>` of each process, and every wal-g beside them,
 * such as a probe's, but not PostgreSQL's own, which archives WAL at any time.
 */
export function livingRuns(walgPrefix: string): string[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((pid) => runOf(pid, walgPrefix) ?? []);
}

/** Of what `livingRuns` gives: a look at the storage, not a run. */
export function isProbe(living: string): boolean {
  return living === 'wal-g st';
}

function runOf(pid: string, walgPrefix: string): string | undefined {
  try {
    const environment = readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0');
    if (!environment.includes(`WALG_FILE_PREFIX=${walgPrefix}`)) return undefined;
    const run = environment.find((one) => one.startsWith(mark))?.slice(mark.length);
    if (run !== undefined) return run;
    if (readFileSync(`/proc/${pid}/comm`, 'utf8') !== 'wal-g\n') return undefined;
    const subcommand = subcommandIn(readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0'));
    return subcommand === 'wal-push' ? undefined : `wal-g ${subcommand}`;
  } catch {
    // Ended while it was looked at, or of another user: none of ours.
    return undefined;
  }
}

/** What follows wal-g, which a shell may have read from a script in front of it. */
function subcommandIn(argv: readonly string[]): string | undefined {
  return argv[argv.findIndex((argument) => /(^|\/)wal-g$/.test(argument)) + 1];
}
