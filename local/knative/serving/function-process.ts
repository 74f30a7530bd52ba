/** One process of a function, from its start to its end. */
import { Agent, get } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { answersOk } from '../../machine/answers.ts';
import { endText, launch } from '../../machine/processes.ts';

/** How to start it. */
export interface Launch {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly port: number;
  readonly log: string;
  readonly readinessPath: string;
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

/** Starts it; it is ready when its readiness probe says so. */
export function startProcess({ argv, env, port, log, readinessPath: path }: Launch): FunctionProcess {
  const [command = '', ...args] = argv;
  const launched = launch({ name: command, command, args, env, log });
  const agent = new Agent({ keepAlive: true });
  const ended = launched.ended.then((end) => {
    agent.destroy();
    return endText(end);
  });
  return { pid: launched.pid, ready: untilReady(), ended, agent, stop: (ms) => void launched.stop('SIGTERM', ms) };

  async function untilReady(): Promise<void> {
    const probe = { port, path, host: '127.0.0.1', agent: false, timeout: probeTimeoutMs };
    while (launched.isUp() && !(await answersOk(get(probe)))) await Promise.race([pause(probeEveryMs), ended]);
    if (!launched.isUp()) throw new Error(`it ended before it was ready: ${await ended}`);
  }
}
