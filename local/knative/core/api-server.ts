/** Raw calls to the API server that `Kube` does not offer: streams, token requests, acting as a ServiceAccount. */
import { Agent, request, type RequestOptions } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { KubeConfig } from '@kubernetes/client-node';
import { failure } from '../../../functions/domain/request-error.ts';

/** One call; `as` is the user to impersonate, so that the RBAC of that user decides. */
export interface ApiCall {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: object;
  readonly as?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The API server as the owner of a kubeconfig sees it. Answers but 2xx throw a `Failure`. */
export interface ApiServer {
  readonly url: string;
  /** The `cluster` entry of a kubeconfig that leads here. */
  readonly cluster: Readonly<Record<string, unknown>>;
  call(what: ApiCall): Promise<unknown>;
  /** The answer as lines, read as slowly as they are consumed; `onOpen` comes with its head. */
  lines(what: ApiCall, onOpen?: () => void): AsyncGenerator<string, void, void>;
  close(): void;
}

/** Opens a connection pool with the credentials of the kubeconfig file. */
export async function openApiServer(kubeConfigPath: string): Promise<ApiServer> {
  const config = new KubeConfig();
  config.loadFromFile(kubeConfigPath);
  const current = config.getCurrentCluster();
  if (current === null) throw new Error(`${kubeConfigPath} has no current cluster`);
  const base = new URL(current.server);
  const credentials: RequestOptions = {};
  await config.applyToHTTPSOptions(credentials);
  const { ca, cert, key, rejectUnauthorized = true, headers } = credentials;
  const agent = new Agent({ keepAlive: true, rejectUnauthorized, ...defined({ ca, cert, key }) });

  function open(what: ApiCall): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const outgoing = request(
      {
        agent,
        host: base.hostname,
        port: base.port || 443,
        method: what.method,
        path: `${base.pathname.replace(/\/$/, '')}${what.path}`,
        headers: {
          ...(headers as Record<string, string>),
          Accept: 'application/json',
          ...(what.as === undefined ? {} : { 'Impersonate-User': what.as }),
          ...(what.body === undefined ? {} : { 'Content-Type': 'application/json' }),
        },
        ...defined({ signal: what.signal }),
      },
      resolve,
    );
    outgoing.on('error', (error) => reject(failure.of(0, 'NoAnswer', `${what.method} ${what.path}: ${error.message}`)));
    outgoing.end(what.body === undefined ? undefined : JSON.stringify(what.body));
    return promise;
  }

  async function openOk(what: ApiCall): Promise<IncomingMessage> {
    const incoming = await open(what);
    const status = incoming.statusCode ?? 0;
    if (status >= 200 && status < 300) return incoming;
    const { reason = '', message = '' } = parse(await textOf(incoming)) as { reason?: string; message?: string };
    throw failure.of(status, reason, `${what.method} ${what.path}: ${status} ${message}`);
  }

  return {
    url: current.server,
    cluster: {
      server: current.server,
      ...defined({ 'certificate-authority-data': current.caData, 'certificate-authority': current.caFile }),
      ...(current.skipTLSVerify ? { 'insecure-skip-tls-verify': true } : {}),
    },
    call: async (what) => parse(await textOf(await openOk(what))),
    async *lines(what, onOpen) {
      let rest = '';
      const incoming = await openOk(what);
      onOpen?.();
      incoming.setEncoding('utf8');
      for await (const chunk of incoming as AsyncIterable<string>) {
        const parts = (rest + chunk).split('\n');
        rest = parts.pop() ?? '';
        yield* parts.filter((line) => line !== '');
      }
    },
    close: () => agent.destroy(),
  };
}

function defined(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

async function textOf(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return { message: text.slice(0, 300) };
  }
}
