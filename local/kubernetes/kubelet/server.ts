/** The node's HTTPS port, which the API server connects to for exec and logs. */
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { RunningContainer } from './container.ts';
import { serveExec, type ExecRequest } from './exec.ts';
import { serveLog } from './logs.ts';
import type { Pods, RunningPod } from './pods.ts';
import { execAccount } from './users.ts';

/** The open port. */
export interface KubeletServer {
  readonly port: number;
  stop(): Promise<void>;
}

interface Target {
  readonly action: string;
  readonly found: { readonly pod: RunningPod; readonly container: RunningContainer } | undefined;
  readonly problem: { readonly status: number; readonly text: string } | undefined;
  readonly query: URLSearchParams;
}

const protocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];
/** For this long after the end of the main process an exec still reaches the dying container. */
const dyingMs = 300;

/** Serves with the API server's own certificate: it does not verify a kubelet's. */
export function serveKubelet(pods: Pods, certificate: { certPath: string; keyPath: string }): Promise<KubeletServer> {
  const server = createServer({ cert: readFileSync(certificate.certPath), key: readFileSync(certificate.keyPath) });
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    handleProtocols: (offered) => protocols.find((one) => offered.has(one)) ?? false,
  });

  server.on('request', (request, response) => {
    const { action, found, problem, query } = targetOf(pods, request.url ?? '');
    if (problem !== undefined || action !== 'containerLogs' || found === undefined) {
      response.writeHead(problem?.status ?? 404).end(problem?.text ?? '404 page not found\n');
      return;
    }
    serveLog(response, found.container, query);
  });
  server.on('upgrade', (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    const { action, found, problem, query } = targetOf(pods, request.url ?? '');
    stream.on('error', () => undefined);
    if (problem !== undefined || action !== 'exec' || found === undefined) {
      return refuse(stream, problem ?? { status: 404, text: '404 page not found' });
    }
    sockets.handleUpgrade(request, stream, head, (socket) => {
      socket.on('error', () => undefined);
      serveExec(socket, found.container, execRequest(query), execAccount(found.pod.pod, found.container.container));
    });
  });

  return new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () =>
      resolve({
        port: (server.address() as AddressInfo).port,
        stop: () => {
          for (const socket of sockets.clients) socket.terminate();
          server.closeAllConnections();
          return new Promise((closed) => server.close(() => closed()));
        },
      }),
    );
  });
}

/** `/exec/{namespace}/{pod}/{container}` and `/containerLogs/…`, with the kubelet's words for what is not there. */
function targetOf(pods: Pods, url: string): Target {
  const { pathname, searchParams } = new URL(url, 'https://kubelet');
  const [, action = '', namespace, podName, containerName] = pathname.split('/');
  const pod = pods.get(`${namespace}/${podName}`);
  const container = pod?.containers.find((one) => one.container.name === containerName);
  const target = { action, query: searchParams, found: undefined, problem: undefined };
  if (pod === undefined) return { ...target, problem: { status: 404, text: 'pod does not exist' } };
  if (container === undefined || (action === 'exec' && isGone(container))) {
    return { ...target, problem: { status: 500, text: `container not found ("${containerName}")` } };
  }
  return { ...target, found: { pod, container } };
}

function isGone(container: RunningContainer): boolean {
  if (container.pid() !== undefined) return false;
  return (container.endedAgo() ?? Infinity) > dyingMs;
}

/** kubectl and the API server use different names for the streams. */
function execRequest(query: URLSearchParams): ExecRequest {
  const wants = (...names: string[]): boolean => names.some((name) => ['1', 'true'].includes(query.get(name) ?? ''));
  return {
    command: query.getAll('command'),
    stdin: wants('input', 'stdin'),
    stdout: wants('output', 'stdout'),
    stderr: wants('error', 'stderr'),
  };
}

function refuse(stream: Duplex, problem: { status: number; text: string }): void {
  const reason = problem.status === 404 ? 'Not Found' : 'Internal Server Error';
  stream.end(
    `HTTP/1.1 ${problem.status} ${reason}\r\nContent-Type: text/plain; charset=utf-8\r\n` +
      `Content-Length: ${Buffer.byteLength(problem.text)}\r\nConnection: close\r\n\r\n${problem.text}`,
  );
}
