/** Plain HTTP between the stand-ins: a POST that never throws, and a server on a free loopback port. */
import { createServer, request, type IncomingHttpHeaders, type IncomingMessage, type RequestListener } from 'node:http';
import type { Attempt } from './retry.ts';

/** Body and headers of a message. */
export interface Message {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** An answer; status 0 is none, `error` says why. */
export interface Answer extends Attempt {
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly error?: string;
}

/** Posts once. Without a time limit it waits for ever, as Knative's senders do. */
export function post(url: string, message: Message, timeoutMs?: number): Promise<Answer> {
  const { promise, resolve } = Promise.withResolvers<Answer>();
  const failed = (error: Error): void =>
    resolve({ status: 0, headers: {}, body: Buffer.alloc(0), error: error.message });
  const outgoing = request(
    url,
    {
      method: 'POST',
      agent: false,
      headers: { ...message.headers, 'content-length': String(message.body.length) },
      ...(timeoutMs === undefined ? {} : { signal: AbortSignal.timeout(timeoutMs) }),
    },
    (incoming) => {
      readAll(incoming).then(
        (body) => resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body }),
        failed,
      );
    },
  );
  outgoing.on('error', failed);
  outgoing.end(message.body);
  return promise;
}

/** The whole body. */
export async function readAll(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** A listening server. */
export interface Listening {
  readonly url: string;
  /** Ends every connection, also those in use. */
  close(): Promise<void>;
}

/** Listens on the loopback interface, on a free port unless `port` is given. */
export function listen(listener: RequestListener, port = 0): Promise<Listening> {
  const { promise, resolve, reject } = Promise.withResolvers<Listening>();
  const server = createServer(listener);
  server.on('error', reject);
  server.listen(port, '127.0.0.1', () => {
    const address = server.address();
    if (address === null || typeof address === 'string') return reject(new Error('no port'));
    resolve({ url: `http://127.0.0.1:${address.port}`, close: () => close() });
  });
  return promise;

  function close(): Promise<void> {
    return new Promise((done) => {
      server.close(() => done());
      server.closeAllConnections();
    });
  }
}
