/** Child processes of the local environment: each in a session of its own, written down, and ended by pid only. */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  endAll,
  isAlive,
  processesOfContainer,
  signalQuietly,
  startTicks,
  type ProcessIdentity,
} from './process-table.ts';

export { isAlive, type ProcessIdentity } from './process-table.ts';

/** What to run. Output is appended to `log`. Without uid and gid it runs as the current user. */
export interface Program {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly log: string;
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly cwd?: string | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
}

/** How a process ended; `error` when it could not be started at all. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly error?: Error;
}

/** A started process. */
export interface Launched {
  readonly name: string;
  readonly pid: number | undefined;
  readonly ended: Promise<Ended>;
  isUp(): boolean;
  signal(signal: NodeJS.Signals): void;
  /** Sends `first`, waits up to `graceMs`, then SIGKILL; resolves when the process is gone. */
  stop(first?: NodeJS.Signals, graceMs?: number): Promise<void>;
}

/** The list of what this environment has started, kept on disk so that the next start can end what a crash left. */
export interface ProcessList {
  launch(program: Program): Launched;
  /** Writes down a process that somebody else started for this environment. */
  note(name: string, pid: number): void;
  /** Writes down a container id: every process that carries it in its environment belongs to this environment. */
  noteContainer(id: string): void;
  /** Writes down a directory outside of the environment's own that has to go with it. */
  noteDirectory(path: string): void;
  /** Everything has been stopped in order: nothing is left to do when this process exits. */
  close(): void;
}

interface Recorded {
  readonly owner: ProcessIdentity;
  readonly processes: readonly ProcessIdentity[];
  readonly containers: readonly string[];
  readonly directories: readonly string[];
}

/** Returns the end of a process in a few words. */
export function endText({ code, signal, error }: Ended): string {
  return error?.message ?? signal ?? `exit code ${code}`;
}

/** Opens the list of an environment directory; the owner is this process. */
export function openProcessList(dir: string): ProcessList {
  const processes = new Map<number, ProcessIdentity>();
  const containers = new Set<string>();
  const directories: string[] = [];

  function save(): void {
    const record: Recorded = {
      owner: { pid: process.pid, ticks: startTicks(process.pid) ?? '', name: 'environment' },
      processes: [...processes.values()].filter(isAlive),
      containers: [...containers],
      directories,
    };
    writeRecord(dir, record);
  }

  function note(name: string, pid: number): void {
    const ticks = startTicks(pid);
    if (ticks === undefined) return;
    processes.set(pid, { pid, ticks, name });
    save();
  }

  // The last resort, for an exit in the middle of things. It must be synchronous, so there is no waiting.
  const killAll = (): void => {
    for (const { pid } of processesLeft(dir)) signalQuietly(pid, 'SIGKILL');
  };
  process.on('exit', killAll);

  save();
  return {
    close: () => void process.off('exit', killAll),
    launch(program) {
      const launched = launch(program);
      if (launched.pid !== undefined) note(program.name, launched.pid);
      return launched;
    },
    note,
    noteContainer(id) {
      containers.add(id);
      save();
    },
    noteDirectory(path) {
      directories.push(path);
      save();
    },
  };
}

/** Says who uses this directory right now, when somebody does. */
export function currentOwner(dir: string): ProcessIdentity | undefined {
  const record = readRecord(dir);
  return record !== undefined && record.owner.pid !== process.pid && isAlive(record.owner) ? record.owner : undefined;
}

/** Ends what an earlier environment in this directory left behind (its owner is dead); returns the names. */
export async function endLeftovers(dir: string): Promise<string[]> {
  const left = processesLeft(dir);
  await endAll(left);
  for (const path of readRecord(dir)?.directories ?? []) rmSync(path, { recursive: true, force: true });
  return left.map((one) => one.name);
}

/** What this environment has started and what is still alive, functions and commands in containers included. */
export function processesLeft(dir: string): ProcessIdentity[] {
  const record = readRecord(dir);
  if (record === undefined) return [];
  const recorded = record.processes.filter(isAlive);
  const marked = record.containers.flatMap((id) => processesOfContainer(id));
  return [...recorded, ...marked.filter((one) => recorded.every((other) => other.pid !== one.pid))];
}

/** Starts a program; only a list writes it down. */
export function launch(program: Program): Launched {
  mkdirSync(dirname(program.log), { recursive: true });
  const log = openSync(program.log, 'a');
  // A session of its own: Ctrl-C in the terminal reaches only us, and we end the parts in the right order.
  const child = spawn(program.command, program.args, {
    detached: true,
    stdio: ['ignore', log, log],
    env: program.env ?? process.env,
    cwd: program.cwd,
    uid: program.uid,
    gid: program.gid,
  });
  closeSync(log);
  const ended = endOf(child);
  let up = child.pid !== undefined;
  void ended.then(() => (up = false));
  return {
    name: program.name,
    pid: child.pid,
    ended,
    isUp: () => up,
    signal: (signal) => void child.kill(signal),
    stop: (first = 'SIGTERM', graceMs = 5_000) => stop(child, ended, { first, graceMs }),
  };
}

function endOf(child: ChildProcess): Promise<Ended> {
  return new Promise((resolve) => {
    child.on('error', (error) => resolve({ code: null, signal: null, error }));
    child.on('exit', (code, signal) => resolve({ code, signal }));
  });
}

async function stop(
  child: ChildProcess,
  ended: Promise<Ended>,
  how: { first: NodeJS.Signals; graceMs: number },
): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  child.kill(how.first);
  const timer = setTimeout(() => child.kill('SIGKILL'), how.graceMs);
  await ended;
  clearTimeout(timer);
}

function recordPath(dir: string): string {
  return join(dir, 'processes.json');
}

function readRecord(dir: string): Recorded | undefined {
  try {
    return JSON.parse(readFileSync(recordPath(dir), 'utf8')) as Recorded;
  } catch {
    return undefined;
  }
}

function writeRecord(dir: string, record: Recorded): void {
  mkdirSync(dir, { recursive: true });
  const temporary = `${recordPath(dir)}.${process.pid}`;
  writeFileSync(temporary, `${JSON.stringify(record, undefined, 2)}\n`);
  renameSync(temporary, recordPath(dir));
}
