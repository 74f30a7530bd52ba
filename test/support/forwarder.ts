/** A TCP forwarder that can refuse connections, and counts the bytes that come back. */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** Passes connections on to a port of the loopback interface. */
export interface Forwarder {
  readonly port: number;
  /** Returns the number of bytes that the other side has sent. */
  received(): number;
  /** Cuts every connection and takes no more. */
  refuse(): void;
  /** Passes them on again. */
  allow(): void;
  close(): Promise<void>;
}

/** Opens a forwarder to a port. */
export async function openForwarder(to: number): Promise<Forwarder> {
  const sockets = new Set<Socket>();
  let refusing = false;
  let received = 0;
  const server = createServer((incoming) => {
    if (refusing) return void incoming.destroy();
    const outgoing = connect(to, '127.0.0.1');
    outgoing.on('data', (chunk) => (received += chunk.length));
    incoming.pipe(outgoing).pipe(incoming);
    for (const [one, other] of [
      [incoming, outgoing],
      [outgoing, incoming],
    ] as const) {
      sockets.add(one);
      one.setNoDelay(true);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.on('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const cut = (): void => sockets.forEach((socket) => socket.destroy());
  return {
    port: (server.address() as AddressInfo).port,
    received: () => received,
    refuse() {
      refusing = true;
      cut();
    },
    allow() {
      refusing = false;
    },
    close() {
      cut();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
