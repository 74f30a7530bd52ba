/** Are etcd and the API server ready? */
import { get as httpGet, type IncomingMessage } from 'node:http';
import { get as httpsGet } from 'node:https';

const timeoutMs = 2_000;

/** etcd has a leader and answers. */
export function etcdIsHealthy(port: number): Promise<boolean> {
  return answersOk((take) => httpGet({ host: '127.0.0.1', port, path: '/health', timeout: timeoutMs }, take));
}

/**
 * The API server has finished its post-start hooks (RBAC roles, system namespaces). Its certificate is self-signed and
 * being made right now, so nothing can be verified yet; what counts is that it accepts the token made for it.
 */
export function apiServerIsReady(port: number, token: string): Promise<boolean> {
  const headers = { Authorization: `Bearer ${token}` };
  return answersOk((take) =>
    httpsGet(
      {
        host: '127.0.0.1',
        port,
        path: '/readyz',
        headers,
        timeout: timeoutMs,
        rejectUnauthorized: false,
        agent: false,
      },
      take,
    ),
  );
}

function answersOk(get: (take: (answer: IncomingMessage) => void) => ReturnType<typeof httpGet>): Promise<boolean> {
  return new Promise((resolve) => {
    const outgoing = get((answer) => {
      answer.resume();
      resolve(answer.statusCode === 200);
    });
    outgoing.on('timeout', () => outgoing.destroy());
    outgoing.on('error', () => resolve(false));
  });
}
