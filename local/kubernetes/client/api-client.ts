/** Calls to the API server that `Kube` does not offer: streams, token requests, subresources by PUT, impersonation. */
import type { IncomingMessage } from 'node:http';
import { Agent, request, type RequestOptions } from 'node:https';
import { text as readText } from 'node:stream/consumers';
import type { KubeConfig } from '@kubernetes/client-node';
import { requestError } from '../../../functions/domain/request-error.ts';
import { requestOnce } from '../../../functions/platform/http/request.ts';

/** One call; the body is sent as JSON, and `headers` may say that it is a patch. */
export interface ApiCall {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What the API server answered. */
export interface ApiAnswer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/** A GET whose answer does not end by itself. */
export interface ApiStream {
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** The API server as the owner of a kubeconfig sees it. Every way to get no answer is a `RequestError` with status 0. */
export interface ApiClient {
  readonly url: string;
  /** The `cluster` entry of a kubeconfig that leads here. */
  readonly cluster: Readonly<Record<string, unknown>>;
  /** Returns the answer, whatever its status. */
  send(call: ApiCall): Promise<ApiAnswer>;
  /** Returns the body; an answer other than 2xx is a `RequestError`. */
  call(call: ApiCall): Promise<unknown>;
  /** Returns the lines of the answer, read as slowly as they are consumed; `onOpen` is called when it begins. */
  lines(stream: ApiStream, onOpen?: () => void): AsyncGenerator<string, void, void>;
  close(): void;
}

/** Opens a connection pool with the credentials of a kubeconfig, which do not change while the environment runs. */
export async function createApiClient(kubeConfig: KubeConfig): Promise<ApiClient> {
  const current = kubeConfig.getCurrentCluster();
  if (current === null) throw new Error('the kubeconfig has no current cluster');
  const base = new URL(current.server);
  const credentials: RequestOptions = {};
  await kubeConfig.applyToHTTPSOptions(credentials);
  const agent = new Agent({ keepAlive: true, ca: credentials.ca });

  function optionsFor(method: string, path: string, headers: ApiCall['headers']): RequestOptions {
    const common = { ...(credentials.headers as Record<string, string>), Accept: 'application/json' };
    return { agent, host: base.hostname, port: base.port, method, path, headers: { ...common, ...headers } };
  }

  async function send({ method, path, body, headers }: ApiCall): Promise<ApiAnswer> {
    const type = body === undefined ? {} : { 'Content-Type': 'application/json' };
    const text = body === undefined ? undefined : JSON.stringify(body);
    const answer = await requestOnce(optionsFor(method, path, { ...type, ...headers }), text);
    return { status: answer.status, body: parse(answer.text) };
  }

  async function open({ path, headers, signal }: ApiStream): Promise<IncomingMessage> {
    const incoming = await answerTo({
      ...optionsFor('GET', path, headers),
      ...(signal === undefined ? {} : { signal }),
    });
    const status = incoming.statusCode ?? 0;
    if (status !== 200) throw refusal({ method: 'GET', path }, { status, body: parse(await readText(incoming)) });
    return incoming.setEncoding('utf8');
  }

  return {
    url: current.server,
    cluster: { server: current.server, 'certificate-authority-data': current.caData },
    send,
    async call(what) {
      const answer = await send(what);
      if (answer.status >= 200 && answer.status < 300) return answer.body;
      throw refusal(what, answer);
    },
    async *lines(stream, onOpen) {
      let rest = '';
      const incoming = await open(stream);
      onOpen?.();
      for await (const chunk of incoming as AsyncIterable<string>) {
        const parts = (rest + chunk).split('\n');
        rest = parts.pop() ?? '';
        yield* parts.filter((line) => line !== '');
      }
    },
    close: () => agent.destroy(),
  };
}

function answerTo(options: RequestOptions): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const outgoing = request(options, resolve);
    outgoing.on('error', (error) => reject(requestError.of(0, 'NoAnswer', `GET ${options.path}: ${error.message}`)));
    outgoing.end();
  });
}

function refusal({ method, path }: Pick<ApiCall, 'method' | 'path'>, { status, body }: ApiAnswer): Error {
  const { reason = '', message = '' } = body as { reason?: string; message?: string };
  return requestError.of(status, reason, `${method} ${path}: ${status} ${message}`);
}

function parse(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return { message: text.slice(0, 300) };
  }
}
