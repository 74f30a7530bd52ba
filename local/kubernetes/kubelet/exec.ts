/** `exec` over WebSocket as a kubelet serves it (v4 and v5.channel.k8s.io). */
import { spawn, type ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { WebSocket } from 'ws';
import { mapPaths } from './paths.ts';
import type { RunningContainer } from './container.ts';
import type { Account } from './users.ts';

/** What to run, and which streams the caller wants. */
export interface ExecRequest {
  readonly command: readonly string[];
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

const channel = { stdin: 0, stdout: 1, stderr: 2, status: 3, close: 255 } as const;
const maxBuffered = 1024 * 1024;
const normalClosure = 1000;

/**
 * Runs the command beside the container's main process and streams its output. As with containerd, a caller that goes
 * away does not end the command: its output is read on and thrown away.
 */
export function serveExec(
  socket: WebSocket,
  running: RunningContainer,
  request: ExecRequest,
  account: Account | undefined,
): void {
  const environment = running.environment();
  if (environment === undefined) return finish(socket, brokenPipe);
  // The caller knows from the first frame, an empty one, that the streams are open.
  if (request.stdout || request.stderr) sendFrame(socket, request.stdout ? channel.stdout : channel.stderr);

  const [program = '', ...args] = request.command.map((one) => mapPaths(one, running.mounts));
  const child = spawn(program, args, {
    env: { ...environment },
    cwd: '/',
    detached: true,
    stdio: [request.stdin ? 'pipe' : 'ignore', 'pipe', 'pipe'],
    ...account,
  });
  passOutput(child.stdout!, socket, request.stdout ? channel.stdout : undefined);
  passOutput(child.stderr!, socket, request.stderr ? channel.stderr : undefined);
  if (request.stdin) passInput(socket, child);
  child.on('error', (error) => finish(socket, cannotStart(program, error)));
  // `close` comes after the exit and after the end of both streams: a background child that holds them keeps the
  // exec open, as in a real cluster.
  child.on('close', (code, signal) => finish(socket, exitStatus(signal === null ? code : 137)));
}

function sendFrame(socket: WebSocket, to: number, data?: Buffer): void {
  if (socket.readyState !== socket.OPEN) return;
  socket.send(Buffer.concat([Buffer.from([to]), data ?? Buffer.alloc(0)]));
}

function passOutput(stream: Readable, socket: WebSocket, to: number | undefined): void {
  stream.on('data', (data: Buffer) => {
    if (to === undefined || socket.readyState !== socket.OPEN) return;
    sendFrame(socket, to, data);
    if (socket.bufferedAmount > maxBuffered) waitForDrain(stream, socket);
  });
}

/** A slow reader slows the command down; one that left does not. */
function waitForDrain(stream: Readable, socket: WebSocket): void {
  stream.pause();
  const timer = setInterval(() => {
    if (socket.readyState === socket.OPEN && socket.bufferedAmount > 0) return;
    clearInterval(timer);
    stream.resume();
  }, 10);
}

function passInput(socket: WebSocket, child: ChildProcess): void {
  child.stdin!.on('error', () => undefined);
  socket.on('message', (data: Buffer) => {
    if (data[0] === channel.stdin) child.stdin!.write(data.subarray(1));
    if (data[0] === channel.close && data[1] === channel.stdin) child.stdin!.end();
  });
  socket.on('close', () => child.stdin!.end());
}

/** The status frame is the last one; then the connection is closed normally. */
function finish(socket: WebSocket, status: object): void {
  if (socket.readyState !== socket.OPEN) return;
  sendFrame(socket, channel.status, Buffer.from(JSON.stringify(status)));
  socket.close(normalClosure);
}

function exitStatus(code: number | null): object {
  if (code === 0) return { metadata: {}, status: 'Success' };
  return {
    metadata: {},
    status: 'Failure',
    message: `command terminated with non-zero exit code: command terminated with exit code ${code}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
  };
}

function internalError(message: string): object {
  return {
    metadata: {},
    status: 'Failure',
    message: `Internal error occurred: ${message}`,
    reason: 'InternalError',
    details: { causes: [{ message }] },
    code: 500,
  };
}

const brokenPipe = internalError(
  'error executing command in container: failed to exec in container: failed to start exec: write init-p: broken pipe',
);

function cannotStart(program: string, error: Error): object {
  const reason =
    (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'executable file not found in $PATH' : error.message;
  return internalError(
    'error executing command in container: failed to exec in container: failed to start exec: OCI runtime exec failed: ' +
      `exec failed: unable to start container process: exec: "${program}": ${reason}: unknown`,
  );
}
