/** A Broker that takes every event and forgets it. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Sink {
  /** For `K_SINK`. */
  readonly url: string;
  close(): void;
}

export async function startSink(): Promise<Sink> {
  const server = createServer(
    (request, response) => void request.resume().on('end', () => response.writeHead(202).end()),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => server.close() };
}
