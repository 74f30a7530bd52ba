/** A way to a server that counts what comes back on it, as bytes on the wire. */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface Meter {
  /** Where to connect instead. */
  readonly port: number;
  readonly counts: { received: number; sent: number; connections: number };
  close(): void;
}

/** Leads to a port of this machine. */
export async function startMeter(target: number): Promise<Meter> {
  const counts = { received: 0, sent: 0, connections: 0 };
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(target, '127.0.0.1');
    counts.connections += 1;
    near.on('data', (chunk) => (counts.sent += chunk.length));
    far.on('data', (chunk) => (counts.received += chunk.length));
    near.pipe(far).pipe(near);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one);
      one.setNoDelay(true);
      one.on('error', () => other.destroy()).on('close', () => other.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    counts,
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
