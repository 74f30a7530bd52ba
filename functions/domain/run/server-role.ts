/** What a database server is at the moment, judged from its own files. No side effects. */

/**
 * * `primary`: in production, the only role in which a backup starts.
 * * `standby`: replays the WAL of another server, or of an archive.
 * * `recovering`: takes connections again when recovery has ended; `postmaster.pid` may say `ready` all the time.
 * * `starting`, `stopping`: its postmaster says so.
 * * `singleUser`: a person repairs it.
 * * `down`: no postmaster of this data directory lives, whatever its files say.
 */
export type ServerRole = 'primary' | 'standby' | 'recovering' | 'starting' | 'stopping' | 'singleUser' | 'down';

/** What the files of a data directory and /proc say. */
export interface ServerFacts {
  /** The process in the first line of postmaster.pid lives and works in the data directory. */
  readonly live: boolean;
  /** The same of a single-user server, whose first line is negative. */
  readonly single: boolean;
  /** Last line of postmaster.pid: `starting`, `ready`, `standby` or `stopping`; anything else means nothing. */
  readonly status: string;
  /** State in the control file; undefined when it cannot be read. */
  readonly control: number | undefined;
}

const archiveRecovery = 5;
const production = 6;

/** The state and the last line both outlive a SIGKILL, so that no fact counts without the others. */
export function roleOf({ control, live, single, status }: ServerFacts): ServerRole {
  if (single) return 'singleUser';
  if (!live) return 'down';
  if (status === 'stopping') return 'stopping';
  if (control === archiveRecovery) return 'standby';
  if (status !== 'ready') return 'starting';
  return control === production ? 'primary' : 'recovering';
}
