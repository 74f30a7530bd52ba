/** A real HTTPS server on the loopback interface, for what a client must bear. */
import { readFileSync } from 'node:fs';
import type { IncomingMessage, RequestListener } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

/** Both are in one file: a reader of PEM takes what it needs. */
const keyAndCertificate = readFileSync(join(import.meta.dirname, 'loopback.pem'), 'utf8');

export interface HttpsServer {
  readonly port: number;
  /** Certificate to trust, PEM. */
  readonly certificate: string;
  close(): Promise<void>;
}

/** Listens on this address, 127.0.0.1 or ::1. */
export async function startHttpsServer(address: string, listener: RequestListener): Promise<HttpsServer> {
  const server = createServer({ key: keyAndCertificate, cert: keyAndCertificate }, listener);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, address, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    certificate: keyAndCertificate.slice(keyAndCertificate.indexOf('-----BEGIN CERTIFICATE')),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** The whole body of a request. */
export async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) text += chunk as string;
  return text;
}
