/**
 * The "machine" of the node: process, mount and network namespaces of its own, held by one process. Whatever runs in
 * there ends with that process, and with it go its mounts, interfaces and packet filter rules.
 */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { eventually } from '../../../test/support/eventually.ts';
import type { Launched, ProcessList, Program } from '../../../local/machine/processes.ts';

/** The namespaces, by the process that holds them. */
export interface Inside {
  /** As this machine sees it; inside it is process 1. */
  readonly pid: number;
  /** Runs a shell text inside and gives its output. */
  sh(script: string): Promise<string>;
  /** Starts a program inside, and again whenever it ends, as the service manager of a machine does. */
  launch(program: Program): Launched;
}

/** Makes the namespaces; `holder` is a program that only waits (and collects what is orphaned). */
export async function makeInside(processList: ProcessList, holder: string, log: string): Promise<Inside> {
  const { pid: outer } = processList.launch({
    name: 'node',
    command: 'unshare',
    args: ['--mount', '--net', '--pid', '--fork', '--kill-child', '--mount-proc', '--propagation=private', holder],
    log,
  });
  const pid = await eventually('the process that holds the namespaces', () => {
    const [child] = readFileSync(`/proc/${outer}/task/${outer}/children`, 'utf8').split(' ');
    return child === undefined || child === '' ? undefined : Number(child);
  });
  return enter(processList, pid);
}

/** Runs one shell text inside the namespaces of a process. */
async function shInside(pid: number, script: string): Promise<string> {
  const args = [...nsenter(pid), 'sh', '-euc', script];
  const { stdout } = await promisify(execFile)('nsenter', args, { maxBuffer: 1 << 26 });
  return stdout;
}

function enter(processList: ProcessList, pid: number): Inside {
  return {
    pid,
    sh: (script) => shInside(pid, script),
    launch: (program) =>
      processList.launch({
        ...program,
        command: 'nsenter',
        args: [...nsenter(pid), 'sh', '-c', keepRunning, 'sh', program.command, ...program.args],
      }),
  };
}

const keepRunning = 'while :; do "$@" || true; sleep 1; done';

/** The working directory is kept: it is one in the mount namespace outside. */
function nsenter(pid: number): string[] {
  return ['--target', String(pid), '--mount', '--net', '--pid', '--'];
}
