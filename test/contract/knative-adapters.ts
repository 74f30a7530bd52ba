/** Knative's own adapters as plain processes, and a sink that tells their events from those of the stand-ins. */
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { listen, readAll } from '../../local/knative/core/http.ts';

/** What to run. */
export interface AdapterOptions {
  readonly program: string;
  readonly args?: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly log: string;
}

/** A running adapter. */
export interface Adapter {
  /** Throws, with the end of its log, when it has ended though nobody stopped it. */
  check(): void;
  /** Ends it as Kubernetes would, at last by force; resolves when it is gone. */
  stop(): Promise<void>;
}

const graceMs = 5_000;

/** Starts an adapter; it gets no variable of ours but those named. */
export function startAdapter({ program, args = [], env, log }: AdapterOptions): Adapter {
  const file = openSync(log, 'a');
  const child = spawn(program, args, { env, stdio: ['ignore', file, file] });
  closeSync(file);
  let wanted = true;
  let ended = false;
  const end = new Promise<void>((resolve) => {
    const done = (): void => {
      ended = true;
      resolve();
    };
    child.on('error', done).on('exit', done);
  });
  return {
    check() {
      if (wanted && ended) throw new Error(`${program} ended:\n${readFileSync(log, 'utf8').slice(-3000)}`);
    },
    async stop() {
      wanted = false;
      child.kill('SIGTERM');
      const patience = new AbortController();
      await Promise.race([end, pause(graceMs, undefined, { signal: patience.signal }).catch(() => undefined)]);
      patience.abort();
      child.kill('SIGKILL');
      await end;
    },
  };
}

/** Who sent an event: Knative's adapter or our stand-in. */
export type Sender = 'knative' | 'stand-in';

/** Both, in the order in which comparisons name them. */
export const senders: readonly Sender[] = ['knative', 'stand-in'];

/** One attempt to deliver an event. */
export interface Attempt {
  readonly sender: Sender;
  /** Path that it was posted to. */
  readonly path: string;
  readonly at: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** A sink for both. */
export interface Recorder {
  readonly url: string;
  readonly attempts: Attempt[];
  close(): Promise<void>;
}

/** Records what comes, and answers with what `answer` says; 0 cuts the connection without an answer. */
export async function startRecorder(answer: (attempt: Attempt) => number): Promise<Recorder> {
  const attempts: Attempt[] = [];
  const server = await listen((request, response) => {
    const at = performance.now();
    void readAll(request).then((body) => {
      const headers = request.headers as Record<string, string>;
      // Node sends no user agent by itself, Go always does.
      const sender = (headers['user-agent'] ?? '').startsWith('Go-http-client') ? 'knative' : 'stand-in';
      const attempt: Attempt = { sender, path: request.url ?? '', at, headers, body };
      attempts.push(attempt);
      const status = answer(attempt);
      if (status === 0) request.socket.destroy();
      else response.writeHead(status).end();
    });
  });
  return { url: server.url, attempts, close: () => server.close() };
}
