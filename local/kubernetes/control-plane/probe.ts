/** Are etcd and the API server ready? */
import { get as httpGet } from 'node:http';
import { get as httpsGet } from 'node:https';
import { answersOk } from '../../machine/answers.ts';

const timeout = 2_000;

/** etcd has a leader and answers. */
export function etcdIsHealthy(port: number): Promise<boolean> {
  return answersOk(httpGet({ host: '127.0.0.1', port, path: '/health', timeout }));
}

/**
 * The API server has finished its post-start hooks (RBAC roles, system namespaces). Its certificate is self-signed and
 * being made right now, so nothing can be verified yet; what counts is that it accepts the token made for it.
 */
export function apiServerIsReady(port: number, token: string): Promise<boolean> {
  const headers = { Authorization: `Bearer ${token}` };
  const options = { host: '127.0.0.1', port, path: '/readyz', headers, timeout };
  return answersOk(httpsGet({ ...options, rejectUnauthorized: false, agent: false }));
}
