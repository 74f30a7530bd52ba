/** One process of a function with the requests it holds: waits until it is ready, lets them in, forwards. */
import { request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from '../../machine/ports.ts';
import { messageOf } from '../../machine/error-message.ts';
import type { Context } from '../core/context.ts';
import { startProcess, type FunctionProcess } from './function-process.ts';
import { createGate, type Gate } from './gate.ts';
import { readAll } from '../core/http.ts';
import { createIdentity } from './identity.ts';
import type { Revision } from './revision.ts';

/** Which function, and where its files go. */
export interface FunctionPlace {
  readonly namespace: string;
  readonly name: string;
  /** Directory for credentials. */
  readonly dir: string;
  readonly log: string;
}

/** A request that is held in memory until the process can take it. */
export interface HeldRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** What the function answered. */
export interface FunctionAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** A process that is wanted, starting, running or ending. */
export interface Run {
  readonly revision: Revision;
  readonly gate: Gate;
  /** Resolves when it takes requests; rejects when it could not start. */
  readonly ready: Promise<FunctionProcess>;
  /** Resolves when nothing of it is left, with how it ended. */
  readonly over: Promise<string>;
  state: 'starting' | 'running' | 'stopping';
  pid: number | undefined;
  port: number;
  /** Requests that are held or being answered. */
  users: number;
  idle: NodeJS.Timeout | undefined;
  /** Ends it; before the process exists, keeps it from starting. */
  stop(): void;
}

/** Who starts what. */
export interface RunOptions {
  readonly place: FunctionPlace;
  readonly revision: Revision;
  readonly revisionName: string;
  readonly argv: readonly string[];
}

const refreshMs = 60_000;
const dyingMs = 500;
const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
  'content-length',
  'host',
]);

/** Starts a process; calls `changed` each time its state changes. */
export function startRun(context: Context, options: RunOptions, changed: (run: Run) => void): Run {
  const { revision } = options;
  const stopping = new AbortController();
  const over = Promise.withResolvers<string>();
  const run: Run = {
    revision,
    gate: createGate(revision.concurrency),
    ready: Promise.resolve().then(() => start()),
    over: over.promise,
    state: 'starting',
    pid: undefined,
    port: 0,
    users: 0,
    idle: undefined,
    stop() {
      run.state = 'stopping';
      stopping.abort();
    },
  };
  // Whoever holds a request sees the failure; without one nobody has to.
  run.ready.catch((error: unknown) => {
    if (run.pid === undefined) over.resolve(messageOf(error));
  });
  return run;

  async function start(): Promise<FunctionProcess> {
    const { namespace, dir, log } = options.place;
    const account = { namespace, name: revision.serviceAccountName };
    const identity = await createIdentity(context.api, account, dir);
    run.port = await freePort();
    if (stopping.signal.aborted) throw new Error('it was stopped before it started');
    const env = environment(options, run.port, identity.kubeConfigPath);
    const child = startProcess({ argv: options.argv, env, log, port: run.port, readinessPath: revision.readinessPath });
    run.pid = child.pid;
    // The credentials outlive their first token when a function is busy for more than an hour.
    const refresher = setInterval(() => void identity.refresh().catch(() => undefined), refreshMs).unref();
    void child.ended.then((how) => {
      clearInterval(refresher);
      over.resolve(how);
    });
    stopping.signal.addEventListener('abort', () => child.stop(revision.timeoutMs), { once: true });
    changed(run);
    await child.ready;
    if (run.state === 'starting') run.state = 'running';
    changed(run);
    return child;
  }
}

/** Nothing of our own environment but what every container has: a function sees its manifest. */
function environment(options: RunOptions, port: number, kubeConfigPath: string): Record<string, string> {
  const { PATH = '', HOME = '/' } = process.env;
  const { name } = options.place;
  return {
    PATH,
    HOME,
    ...options.revision.env,
    PORT: String(port),
    KUBECONFIG: kubeConfigPath,
    K_SERVICE: name,
    K_CONFIGURATION: name,
    K_REVISION: options.revisionName,
  };
}

/** Sends one request to the process; rejects when the process dies or the signal aborts. */
export async function forward(run: Run, held: HeldRequest, signal: AbortSignal): Promise<FunctionAnswer> {
  const child = await orAbort(run.ready, signal);
  await Promise.race([run.gate.enter(signal), failWhenOver(run)]);
  try {
    return await exchange(child, run.port, held, signal);
  } catch (error) {
    // The connection of a dying process breaks before its end is known; the next request must not meet it.
    if (!signal.aborted) await Promise.race([run.over, pause(dyingMs)]);
    throw error;
  } finally {
    run.gate.leave();
  }
}

async function failWhenOver(run: Run): Promise<never> {
  throw new Error(`the process ended: ${await run.over}`);
}

function orAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    promise.then(resolve, reject);
  });
}

function exchange(
  { agent }: FunctionProcess,
  port: number,
  { method, path, headers, body }: HeldRequest,
  signal: AbortSignal,
): Promise<FunctionAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<FunctionAnswer>();
  const passed = { ...withoutHopByHop(headers), 'content-length': String(body.length) };
  const options = { agent, method, path, port, host: '127.0.0.1', headers: passed, signal };
  const outgoing = request(options, (incoming: IncomingMessage) => {
    readAll(incoming).then(
      (answer) =>
        resolve({ status: incoming.statusCode ?? 502, headers: withoutHopByHop(incoming.headers), body: answer }),
      reject,
    );
  });
  outgoing.on('error', reject);
  outgoing.end(body);
  return promise;
}

function withoutHopByHop(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !hopByHop.has(name)));
}
