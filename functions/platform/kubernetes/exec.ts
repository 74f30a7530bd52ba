/** Commands in a container through the API server's pods/exec, over a WebSocket. */
import type { KubeConfig } from '@kubernetes/client-node';
import { WebSocketHandler } from '@kubernetes/client-node/dist/web-socket-handler.js';
import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { WebSocket } from 'ws';
import * as z from 'zod';

/** Where a command runs. */
export interface ExecTarget {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
}

/** How long a command may take, and what ends it. */
export interface ExecOptions {
  /** From the call on, connecting included; then the stream is cut. The remote command is *not* ended by that. */
  readonly timeoutMs: number;
  /** Hang up as soon as stdout shows the line `end=1`, for commands that stay behind after their answer. */
  readonly untilEnd?: boolean;
}

/**
 * How an exec ended.
 *
 * - `done`: the command's own exit code, or 0 after `end=1` (see untilEnd).
 * - `forbidden`: 403 of RBAC; the message names the missing verb. Nothing ran.
 * - `not-found`: no such pod or container, or the container has no such program. Nothing ran.
 * - `transient`: nothing ran, a later attempt may (refused connection, 5xx, container restarting).
 * - `unknown`: cut before the end was seen; the command may have run, may still run, or never began.
 * - `timeout`: as unknown, by our own deadline.
 */
export type ExecResult =
  | { readonly kind: 'done'; readonly exitCode: number; readonly stdout: string; readonly stderr: string }
  | { readonly kind: 'forbidden' | 'not-found' | 'transient' | 'unknown'; readonly message: string }
  | { readonly kind: 'timeout' };

/** Runs `argv` in a container. Never rejects: every ending is a result. */
export type Exec = (target: ExecTarget, argv: readonly string[], options: ExecOptions) => Promise<ExecResult>;

const maxStdoutBytes = 8 * 1024 * 1024;
const maxStderrBytes = 64 * 1024;
const maxRejectionBytes = 64 * 1024;
const handshakeTimeoutMs = 10_000;
/** A peer that does not answer our close frame is cut off after this. */
const closeGraceMs = 1_000;

const channel = { stdout: 1, stderr: 2, status: 3 } as const;

/** What Kubernetes says about an ended command or a refused request (metav1.Status, the fields used here). */
const Status = z.object({
  status: z.string().optional(),
  message: z.string().optional(),
  reason: z.string().optional(),
  code: z.number().optional(),
  details: z
    .object({ causes: z.array(z.object({ reason: z.string().optional(), message: z.string().optional() })).optional() })
    .nullish(),
});
type Status = z.infer<typeof Status>;

/** One exec on its way: what arrived so far, and the one place where its result is resolved. */
interface Session {
  readonly stdout: Buffer[];
  readonly stderr: Buffer[];
  stdoutBytes: number;
  stderrBytes: number;
  /** Last bytes of stdout, for an `end=1` that arrives in pieces. */
  tail: string;
  opened: boolean;
  resolved: boolean;
  socket: WebSocket | undefined;
  resolve: (result: ExecResult) => void;
}

/**
 * An Exec with the credentials of `kubeConfig`; every call opens a connection of its own. A refusal is believed when it
 * is repeated `secondOpinionMs` later: an API server that has just started refuses whom it does not know yet.
 */
export function createExec(kubeConfig: KubeConfig, secondOpinionMs = 2_000): Exec {
  const once = createSingleExec(kubeConfig);
  return async (target, argv, options) => {
    const begun = performance.now();
    const first = await once(target, argv, options);
    const left = options.timeoutMs - (performance.now() - begun) - secondOpinionMs;
    if (first.kind !== 'forbidden' || left <= 0) return first;
    await pause(secondOpinionMs);
    return once(target, argv, { ...options, timeoutMs: left });
  };
}

function createSingleExec(kubeConfig: KubeConfig): Exec {
  return (target, argv, options) =>
    new Promise((resolve) => {
      const session = newSession(resolve, options.timeoutMs);
      const handler = new WebSocketHandler(
        kubeConfig,
        (uri, protocols, connection) =>
          openSocket(session, new WebSocket(uri, protocols, hardened(connection, options))),
        // A close frame of the server would make the library end these: never the process's own streams.
        { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() },
      );
      handler
        .connect(execPath(target, argv), null, (stream, bytes) =>
          receive(session, stream, bytes, options.untilEnd === true),
        )
        .catch((error: unknown) => session.resolve(connectFailure(session, error)));
    });
}

function hardened(connection: object, options: ExecOptions): object {
  return {
    ...connection,
    handshakeTimeout: Math.min(handshakeTimeoutMs, options.timeoutMs),
    perMessageDeflate: false,
    maxPayload: maxStdoutBytes,
  };
}

function newSession(answer: (result: ExecResult) => void, timeoutMs: number): Session {
  const session: Session = {
    stdout: [],
    stderr: [],
    stdoutBytes: 0,
    stderrBytes: 0,
    tail: '\n',
    opened: false,
    resolved: false,
    socket: undefined,
    resolve(result) {
      if (session.resolved) return;
      session.resolved = true;
      clearTimeout(deadline);
      answer(result);
      hangUp(session.socket, result.kind === 'done');
    },
  };
  const deadline = setTimeout(() => session.resolve({ kind: 'timeout' }), timeoutMs);
  return session;
}

/** Politely after an answer, at once otherwise. */
function hangUp(socket: WebSocket | undefined, politely: boolean): void {
  if (socket === undefined) return;
  if (!politely || socket.readyState !== WebSocket.OPEN) {
    socket.terminate();
    return;
  }
  socket.close();
  const cut = setTimeout(() => socket.terminate(), closeGraceMs);
  socket.once('close', () => clearTimeout(cut));
}

function execPath(target: ExecTarget, argv: readonly string[]): string {
  const query = new URLSearchParams({ container: target.container, stdout: 'true', stderr: 'true' });
  for (const argument of argv) query.append('command', argument);
  const namespace = encodeURIComponent(target.namespace);
  return `/api/v1/namespaces/${namespace}/pods/${encodeURIComponent(target.pod)}/exec?${query.toString()}`;
}

function openSocket(session: Session, socket: WebSocket): WebSocket {
  session.socket = socket;
  // The library listens for errors until the connection is open only; afterwards `close` follows and decides.
  socket.on('error', () => undefined);
  socket.on('open', () => (session.opened = true));
  socket.on('unexpected-response', (_request, response) => readRejection(session, response));
  socket.on('close', (code) => {
    if (session.opened) session.resolve({ kind: 'unknown', message: `stream closed (${code}) before the end` });
  });
  // The deadline may have passed while credentials were read.
  if (session.resolved) socket.terminate();
  return socket;
}

/** Returns whether the stream stays open. */
function receive(session: Session, stream: number, bytes: Buffer, untilEnd: boolean): boolean {
  if (stream === channel.stdout) receiveStdout(session, bytes, untilEnd);
  if (stream === channel.stderr) receiveStderr(session, bytes);
  if (stream === channel.status && bytes.length > 0) session.resolve(ofStatus(session, bytes));
  // resolve hangs up; a `false` would make the library do it a second time.
  return true;
}

/** The beginning is enough: it only explains. */
function receiveStderr(session: Session, bytes: Buffer): void {
  const kept = bytes.subarray(0, maxStderrBytes - session.stderrBytes);
  if (kept.length === 0) return;
  session.stderr.push(kept);
  session.stderrBytes += kept.length;
}

function receiveStdout(session: Session, bytes: Buffer, untilEnd: boolean): void {
  if (session.resolved) return;
  session.stdoutBytes += bytes.length;
  if (session.stdoutBytes > maxStdoutBytes) {
    session.resolve({ kind: 'unknown', message: `command wrote more than ${maxStdoutBytes} bytes` });
    return;
  }
  session.stdout.push(bytes);
  if (!untilEnd) return;
  const text = session.tail + bytes.toString('latin1');
  session.tail = text.slice(-8);
  if (text.includes('\nend=1\n')) session.resolve(done(session, 0));
}

function done(session: Session, exitCode: number): ExecResult {
  return {
    kind: 'done',
    exitCode,
    stdout: Buffer.concat(session.stdout).toString('utf8'),
    stderr: Buffer.concat(session.stderr).toString('utf8'),
  };
}

function parseStatus(text: string): Status {
  try {
    return Status.parse(JSON.parse(text));
  } catch {
    return { message: text };
  }
}

/** The status frame: `Success`, `NonZeroExitCode` with the code as text, or a failure to run the command at all. */
function ofStatus(session: Session, bytes: Buffer): ExecResult {
  const status = parseStatus(bytes.toString('utf8'));
  if (status.status === 'Success') return done(session, 0);
  const code = status.details?.causes?.find((cause) => cause.reason === 'ExitCode')?.message;
  if (status.reason === 'NonZeroExitCode' && code !== undefined && /^\d{1,3}$/.test(code)) {
    return done(session, Number(code));
  }
  return couldNotRun(status.code ?? 500, status.message ?? 'exec failed without a reason');
}

/** The HTTP answer to a refused upgrade: its body has the only explanation. */
function readRejection(session: Session, response: IncomingMessage): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  function refuse(): void {
    const status = parseStatus(Buffer.concat(chunks).toString('utf8').slice(0, maxRejectionBytes));
    const code = response.statusCode ?? 500;
    session.resolve(couldNotRun(code, status.message || `the API server answered ${code}`));
  }
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= maxRejectionBytes) chunks.push(chunk);
    else response.destroy();
  });
  response.on('close', refuse);
}

const noSuchProgram = /exec: ".*": .*(executable file not found|no such file or directory)/;
const noSuchContainer = /is not valid for pod/;

/** Classifies by "can a retry help, and can the command have run?". */
function couldNotRun(code: number, text: string): ExecResult {
  const message = text.trim().slice(0, 1000);
  if (code === 403) return { kind: 'forbidden', message };
  // The pod, its namespace, or (400) the container's name; a program that the image does not have will not appear either.
  if (code === 404 || noSuchContainer.test(message) || noSuchProgram.test(message))
    return { kind: 'not-found', message };
  // A gateway gave up waiting: behind it the command may have begun.
  if (code === 504) return { kind: 'unknown', message };
  // 401: a rotated token. 4xx: pod not scheduled yet or completed. 5xx: container restarting (`container not found`,
  // `broken pipe`: seen for about a second), kubelet or API server down, or
  // the kubelet does not know the pod yet (`pod does not exist`).
  return { kind: 'transient', message };
}

const neverConnected = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);

/** No connection: only an error from before the request was sent proves that nothing ran. */
function connectFailure(session: Session, error: unknown): ExecResult {
  const { message, code } = describeError(error);
  if (session.socket === undefined || neverConnected.has(code)) return { kind: 'transient', message };
  if (message.includes('handshake has timed out')) return { kind: 'timeout' };
  return { kind: 'unknown', message };
}

/** The library rejects with an ErrorEvent of `ws` that holds the error. */
function describeError(error: unknown): { message: string; code: string } {
  const inner = z
    .object({ error: z.object({ message: z.string(), code: z.string().optional() }) })
    .or(z.object({ message: z.string(), code: z.string().optional() }).transform((plain) => ({ error: plain })))
    .safeParse(error);
  if (!inner.success) return { message: String(error), code: '' };
  return { message: inner.data.error.message, code: inner.data.error.code ?? '' };
}
