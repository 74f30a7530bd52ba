/** One process of a function, from its start to its end. */
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { Agent, request, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

/** How to start it. */
export interface Launch {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly port: number;
  readonly log: string;
  readonly readinessPath: string | undefined;
}

/** A started process. */
export interface FunctionProcess {
  readonly pid: number | undefined;
  /** Resolves when it takes requests; rejects when it ends before. */
  readonly ready: Promise<void>;
  /** Resolves with how it ended. */
  readonly ended: Promise<string>;
  readonly agent: Agent;
  /** SIGTERM; SIGKILL only after the grace period. */
  stop(graceMs: number): void;
}

// What queue-proxy does while a container starts: a probe every 50 ms with a short limit.
const probeEveryMs = 50;
const probeTimeoutMs = 500;

/** Starts it in a session of its own: a Ctrl-C in the terminal is for the environment, which then ends it in order. */
export function startProcess(launch: Launch): FunctionProcess {
  const [command = '', ...args] = launch.argv;
  const log = openSync(launch.log, 'a');
  const child = spawn(command, args, { env: { ...launch.env }, stdio: ['ignore', log, log], detached: true });
  closeSync(log);
  const agent = new Agent({ keepAlive: true });
  let isOver = false;
  const ended = new Promise<string>((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
  void ended.then(() => {
    isOver = true;
    agent.destroy();
  });
  return { pid: child.pid, ready: untilReady(), ended, agent, stop };

  async function untilReady(): Promise<void> {
    while (!(await isReady(launch.port, launch.readinessPath))) {
      await Promise.race([pause(probeEveryMs), ended]);
      if (isOver) throw new Error(`it ended before it was ready: ${await ended}`);
    }
    if (isOver) throw new Error(`it ended before it was ready: ${await ended}`);
  }

  function stop(graceMs: number): void {
    if (isOver) return;
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
    void ended.then(() => clearTimeout(timer));
  }
}

function isReady(port: number, path: string | undefined): Promise<boolean> {
  return path === undefined ? isOpen(port) : answersOk(port, path);
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', timeout: probeTimeoutMs });
    const finish = (open: boolean) => (): void => {
      socket.destroy();
      resolve(open);
    };
    socket.on('connect', finish(true)).on('error', finish(false)).on('timeout', finish(false));
  });
}

function answersOk(port: number, path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(probeTimeoutMs);
    request({ port, path, host: '127.0.0.1', agent: false, signal }, (answer: IncomingMessage) => {
      answer.resume();
      const status = answer.statusCode ?? 0;
      resolve(status >= 200 && status < 400);
    })
      .on('error', () => resolve(false))
      .end();
  });
}
