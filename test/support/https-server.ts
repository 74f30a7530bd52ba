/** A real HTTPS server with a certificate of its own, for what a client must bear. */
import type { IncomingMessage, RequestListener } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { selfSigned } from './self-signed.ts';

export interface HttpsServer {
  readonly port: number;
  /** Certificate to trust, PEM. */
  readonly certificate: string;
  close(): Promise<void>;
}

/** Listens on this address; the certificate is for it. */
export async function startHttpsServer(address: string, listener: RequestListener): Promise<HttpsServer> {
  const { key, certificate } = selfSigned(address);
  const server = createServer({ key, cert: certificate }, listener);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, address, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    certificate,
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
