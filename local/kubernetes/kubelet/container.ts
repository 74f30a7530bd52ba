/** One container: its main process, started again when it ends, with a new identity each time. */
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { constants as osConstants } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { endAll } from '../../machine/process-table.ts';
import type { Ended, Launched, ProcessList } from '../../machine/processes.ts';
import type { Container } from '../client/objects.ts';
import type { Mount } from './paths.ts';
import type { Start, Workload } from './workload.ts';

/** How one incarnation of a container ended. */
export interface Termination {
  readonly containerId: string;
  readonly exitCode: number;
  readonly startedAt: string;
  readonly finishedAt: string;
}

/** What a container is doing. */
export interface ContainerState {
  readonly phase: 'waiting' | 'running' | 'terminated';
  readonly containerId: string;
  readonly startedAt: string;
  readonly ready: boolean;
  readonly restartCount: number;
  readonly waitingFor?: string;
  /** How the incarnation before this one ended, or this one when it is terminated. */
  readonly termination?: Termination;
}

/** A container that the node runs. */
export interface RunningContainer {
  readonly container: Container;
  readonly mounts: readonly Mount[];
  state(): ContainerState;
  /** Environment of the current incarnation, undefined while there is none. */
  environment(): Readonly<Record<string, string>> | undefined;
  /** Pid of the main process, undefined while there is none. */
  pid(): number | undefined;
  /** Milliseconds since the main process ended, undefined while it runs or before its first start. */
  endedAgo(): number | undefined;
  /** Log of an incarnation. */
  logOf(restartCount: number): string;
  stop(): Promise<void>;
}

/** What a container is made of. */
export interface ContainerParts {
  readonly name: string;
  readonly container: Container;
  readonly mounts: readonly Mount[];
  readonly workload: Workload;
  readonly dir: string;
  readonly processList: ProcessList;
  environment(containerId: string, port: number | undefined): Promise<Record<string, string>>;
  /** Told after each change of the state. */
  changed(): void;
}

/** As measured on a real node: the status shows the end of a process about 1 s late, and a new one 0.4 s late. */
const noticeEndMs = 600;
const restartDelayMs = 300;
const noticeStartMs = 300;
const crashLoopDelayMs = 5_000;
const stopGraceMs = 8_000;

/** Starts the container and keeps it running until it is stopped. */
export function runContainer(parts: ContainerParts): RunningContainer {
  let state: ContainerState = {
    phase: 'waiting',
    containerId: '',
    startedAt: '',
    ready: false,
    restartCount: 0,
    waitingFor: 'ContainerCreating',
  };
  let start: Start | undefined;
  let launched: Launched | undefined;
  let endedAt: number | undefined;
  const stopping = new AbortController();
  const stopped = stopping.signal;

  function logOf(restartCount: number): string {
    return join(parts.dir, 'logs', `${restartCount}.log`);
  }

  function become(next: Partial<ContainerState>): void {
    state = { ...state, ...next };
    parts.changed();
  }

  async function makeStart(): Promise<Start> {
    const containerId = randomBytes(32).toString('hex');
    parts.processList.noteContainer(containerId);
    const environment = await parts.environment(containerId, await parts.workload.choosePort());
    return { containerId, environment, log: logOf(state.restartCount) };
  }

  /** One incarnation, from its files to the end of everything that it started. */
  async function liveOnce(): Promise<void> {
    prepareMounts(parts.mounts);
    start = await makeStart();
    await parts.workload.prepare(start);
    if (stopped.aborted) return;
    launched = parts.processList.launch({ name: parts.name, ...parts.workload.program(start) });
    endedAt = undefined;
    const startedAt = timestamp();
    await pause(state.restartCount === 0 ? 0 : noticeStartMs);
    become({ phase: 'running', containerId: start.containerId, startedAt });
    await becomeReady(launched, start);
    const end = await launched.ended;
    endedAt = performance.now();
    await endAll(parts.workload.survivors(start));
    await pause(noticeEndMs);
    const termination = {
      containerId: start.containerId,
      exitCode: exitCodeOf(end),
      startedAt,
      finishedAt: timestamp(),
    };
    become({ phase: 'terminated', ready: false, termination });
  }

  async function becomeReady(process: Launched, current: Start): Promise<void> {
    while (process.isUp() && !stopped.aborted) {
      if (await parts.workload.isReady(current)) return become({ ready: true });
      await pause(100);
    }
  }

  async function live(): Promise<void> {
    while (!stopped.aborted) {
      const begun = performance.now();
      await liveOnce().catch((error: unknown) => {
        become({ phase: 'waiting', ready: false, waitingFor: `CreateContainerError: ${String(error)}` });
      });
      const shortLived = performance.now() - begun < 3_000 && state.restartCount > 1;
      await pause(shortLived ? crashLoopDelayMs : restartDelayMs);
      state = { ...state, restartCount: state.restartCount + 1 };
    }
  }

  async function pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: stopped }).catch(() => undefined);
  }

  const ended = live();
  return {
    container: parts.container,
    mounts: parts.mounts,
    state: () => state,
    environment: () => (launched?.isUp() === true ? start?.environment : undefined),
    pid: () => (launched?.isUp() === true ? launched.pid : undefined),
    endedAgo: () => (endedAt === undefined ? undefined : performance.now() - endedAt),
    logOf,
    async stop() {
      stopping.abort();
      await launched?.stop(parts.workload.stopSignal, stopGraceMs);
      await ended;
      if (start !== undefined) await endAll(parts.workload.survivors(start));
    },
  };
}

/** The container layer is new at every start; a volume is used as it is. Volumes are open to every user. */
function prepareMounts(mounts: readonly Mount[]): void {
  for (const mount of mounts) {
    if (mount.lifetime === 'layer') rmSync(mount.realPath, { recursive: true, force: true });
    else makeOpenDirectory(mount.realPath);
  }
}

function makeOpenDirectory(path: string): void {
  // Only a new directory gets the mode: a hostPath may point to anything on this machine.
  const first = mkdirSync(path, { recursive: true });
  if (first !== undefined) chmodSync(path, 0o777);
}

function exitCodeOf(end: Ended): number {
  if (end.code !== null) return end.code;
  return end.signal === null ? 128 : 128 + (osConstants.signals[end.signal] ?? 0);
}

function timestamp(): string {
  return `${new Date().toISOString().slice(0, 19)}Z`;
}
