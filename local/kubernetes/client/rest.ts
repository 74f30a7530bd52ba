/** The calls that stand-ins need beside `Kube`: watches, deletions with a grace period, subresources by PUT. */
import { Agent, request, type RequestOptions } from 'node:https';
import type { IncomingMessage } from 'node:http';
import type { KubeConfig } from '@kubernetes/client-node';

/** One request; `contentType` is JSON unless told otherwise. */
export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: object;
  readonly contentType?: string;
}

/** What came back; `body` is parsed JSON, or text when it is none. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** A stream that is open until it ends by itself or is closed. */
export interface LineStream {
  readonly ended: Promise<{ readonly status: number }>;
  close(): void;
}

/** Raw access to the API server. No status throws; only a missing answer does. */
export interface Rest {
  send(call: Call): Promise<Answer>;
  /** Hands over each line of an answer that does not end, such as a watch. */
  lines(path: string, onLine: (line: string) => void): LineStream;
  close(): void;
}

const json = 'application/json';

/** Opens a connection pool with the credentials of a kubeconfig (they do not change while the environment runs). */
export async function createRest(kubeConfig: KubeConfig): Promise<Rest> {
  const server = new URL(kubeConfig.getCurrentCluster()?.server ?? '');
  const credentials: RequestOptions = {};
  await kubeConfig.applyToHTTPSOptions(credentials);
  const agent = new Agent({ keepAlive: true, ca: credentials.ca });

  function open(call: Call, onAnswer: (answer: IncomingMessage) => void): ReturnType<typeof request> {
    const text = call.body === undefined ? undefined : JSON.stringify(call.body);
    const outgoing = request(
      {
        agent,
        host: server.hostname,
        port: server.port,
        method: call.method,
        path: call.path,
        headers: {
          ...(credentials.headers as Record<string, string>),
          Accept: 'application/json',
          // Node sends no length for a DELETE by itself; the server would take the body for the next request.
          ...(text === undefined
            ? {}
            : { 'Content-Type': call.contentType ?? json, 'Content-Length': Buffer.byteLength(text) }),
        },
      },
      onAnswer,
    );
    outgoing.end(text);
    return outgoing;
  }

  return {
    send: (call) =>
      new Promise((resolve, reject) => {
        const outgoing = open(call, (incoming) => {
          collect(incoming).then((text) => resolve({ status: incoming.statusCode ?? 0, body: parse(text) }), reject);
        });
        outgoing.setTimeout(30_000, () => outgoing.destroy(new Error(`${call.method} ${call.path}: no answer`)));
        outgoing.on('error', reject);
      }),
    lines(path, onLine) {
      let finish: (result: { status: number }) => void = () => undefined;
      const ended = new Promise<{ status: number }>((resolve) => (finish = resolve));
      const outgoing = open({ method: 'GET', path }, (incoming) => {
        const status = incoming.statusCode ?? 0;
        readLines(incoming, status === 200 ? onLine : () => undefined);
        incoming.on('close', () => finish({ status }));
        incoming.on('error', () => finish({ status }));
      });
      outgoing.on('error', () => finish({ status: 0 }));
      return { ended, close: () => outgoing.destroy() };
    },
    close: () => agent.destroy(),
  };
}

async function collect(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

function readLines(incoming: IncomingMessage, onLine: (line: string) => void): void {
  let rest = '';
  incoming.setEncoding('utf8');
  incoming.on('data', (chunk: string) => {
    const parts = (rest + chunk).split('\n');
    rest = parts.pop() ?? '';
    for (const line of parts) if (line !== '') onLine(line);
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
