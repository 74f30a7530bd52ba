/** The process table of this machine: who is alive, who belongs to a container, and how to end them by pid. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** A process as /proc knows it: a pid alone may meanwhile belong to somebody else. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Start time in clock ticks since boot (field 22 of /proc/<pid>/stat). */
  readonly ticks: string;
  readonly name: string;
}

/** Environment variable that marks every process of a container, as a cgroup would. */
export const containerMark = 'AIDBOXOPS_LOCAL_CONTAINER';

/** Start time of a process in ticks, or undefined when there is no such process (a zombie counts as gone). */
export function startTicks(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

/** Whether exactly this process still runs. */
export function isAlive(identity: ProcessIdentity): boolean {
  return startTicks(identity.pid) === identity.ticks;
}

/** Every process that carries the id of this container. */
export function processesOfContainer(id: string): ProcessIdentity[] {
  return everyProcess((pid) =>
    readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(`${containerMark}=${id}`),
  );
}

/** Every process with this executable that works in this directory; PostgreSQL overwrites its environment block. */
export function processesIn(directory: string, executable: string): ProcessIdentity[] {
  return everyProcess(
    (pid) => readlinkSync(`/proc/${pid}/cwd`) === directory && readlinkSync(`/proc/${pid}/exe`) === executable,
  );
}

/** SIGKILL for each, by pid and start time; resolves when all are gone. */
export async function endAll(processes: readonly ProcessIdentity[]): Promise<void> {
  for (const one of processes) if (isAlive(one)) signalQuietly(one.pid, 'SIGKILL');
  for (let waited = 0; waited < 100 && processes.some(isAlive); waited += 1) await sleep(50);
}

function everyProcess(matches: (pid: number) => boolean): ProcessIdentity[] {
  const found: ProcessIdentity[] = [];
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const ticks = startTicks(pid);
    if (ticks !== undefined && quietly(() => matches(pid))) found.push({ pid, ticks, name: nameOf(pid) });
  }
  return found;
}

/** Processes end while we read about them, and some belong to others: both mean "not ours". */
function quietly(check: () => boolean): boolean {
  try {
    return check();
  } catch {
    return false;
  }
}

function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return 'process';
  }
}

/** A signal for a process that may be gone by now. */
export function signalQuietly(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // gone in the meantime
  }
}
