/** An API server over TLS with objects in memory, for processes that are measured. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { requestError } from '../../functions/domain/request-error.ts';
import type { ApplyOptions } from '../../functions/platform/kubernetes/client.ts';
import { createFakeKube, type FakeKube } from '../support/fake-kube.ts';
import { bodyOf, startHttpsServer } from '../support/https-server.ts';

export interface FakeApi {
  /** A kubeconfig that leads here, as JSON. */
  readonly kubeConfig: string;
  close(): Promise<void>;
}

/** Its clock is this machine's. */
export async function startFakeApi(objects: readonly object[]): Promise<FakeApi> {
  const kube = createFakeKube(Math.floor(Date.now() / 1000), ...objects);
  const server = await startHttpsServer('127.0.0.1', (request, response) => {
    kube.now = Math.floor(Date.now() / 1000);
    void answer(kube, request).then(({ status, body }) => send(response, status, JSON.stringify(body)));
  });
  const cluster = {
    server: `https://127.0.0.1:${server.port}`,
    'certificate-authority-data': Buffer.from(server.certificate).toString('base64'),
  };
  return { kubeConfig: kubeConfigOf(cluster), close: () => server.close() };
}

function send(response: ServerResponse, status: number, text: string): void {
  response
    .writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
    .end(text);
}

/** Text of a kubeconfig that leads to this one cluster, with a token that nobody knows. */
export function kubeConfigOf(cluster: object): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'fake', cluster }],
    users: [{ name: 'fake', user: { token: 'fake' } }],
    contexts: [{ name: 'fake', context: { cluster: 'fake', user: 'fake' } }],
    'current-context': 'fake',
  });
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

async function answer(kube: FakeKube, request: IncomingMessage): Promise<Answer> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'https://fake');
  try {
    const text = await bodyOf(request);
    const body = text === '' ? {} : (JSON.parse(text) as object);
    return await answerTo(kube, { method: request.method ?? 'GET', path: pathname, query: searchParams, body });
  } catch (error) {
    if (!requestError.is(error)) throw error;
    return { status: error.status, body: { kind: 'Status', reason: error.reason, message: error.message } };
  }
}

interface Request {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: object;
}

async function answerTo(kube: FakeKube, { method, path, query, body }: Request): Promise<Answer> {
  switch (method) {
    case 'PATCH':
      return { status: 200, body: await apply(kube, { path, query, body }) };
    case 'POST': {
      const done = await kube.create(path, body);
      if (done === 'exists') throw requestError.of(409, 'AlreadyExists', `${path}: it is there already`);
      return { status: 201, body };
    }
    case 'DELETE':
      await kube.remove(path);
      return { status: 200, body: { kind: 'Status' } };
    default:
      return read(kube, path, query);
  }
}

function apply(kube: FakeKube, { path, query, body }: Omit<Request, 'method'>): Promise<unknown> {
  const status = path.endsWith('/status');
  const options: ApplyOptions = {
    fieldManager: query.get('fieldManager') ?? '',
    force: true,
    ...(status ? { subresource: 'status' } : {}),
  };
  return kube.apply(status ? path.slice(0, -'/status'.length) : path, body, options);
}

/** A path with a limit is a list's: every list of the functions has one. */
async function read(kube: FakeKube, path: string, query: URLSearchParams): Promise<Answer> {
  if (!query.has('limit')) {
    const object = await kube.get(path);
    if (object === undefined) throw requestError.of(404, 'NotFound', `${path} not found`);
    return { status: 200, body: object };
  }
  const { items, continue: token } = await kube.list(path, {
    limit: Number(query.get('limit')),
    fieldSelector: query.get('fieldSelector') ?? undefined,
    labelSelector: query.get('labelSelector') ?? undefined,
    continue: query.get('continue') ?? undefined,
  });
  return { status: 200, body: { kind: 'List', metadata: { continue: token ?? '' }, items } };
}
