/** REST to the API server: URLs, headers and failures, against a real HTTPS server. */
import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { after, beforeEach, test } from 'node:test';
import { rootCertificates } from 'node:tls';
import { KubeConfig } from '@kubernetes/client-node';
import { requestError } from '../../../../functions/domain/request-error.ts';
import { rfc3339 } from '../../../../functions/domain/time.ts';
import { createKube, serverNow, type Kube } from '../../../../functions/platform/kubernetes/client.ts';
import { listAll } from '../../../../functions/platform/kubernetes/list.ts';
import { bodyOf, startHttpsServer, type HttpsServer } from '../../../support/https-server.ts';

interface Seen {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly authorization: string | undefined;
  readonly contentType: string | undefined;
  readonly body: string;
  /** Port of the client: the same port is the same connection. */
  readonly from: number | undefined;
}

interface Reply {
  readonly status?: number;
  readonly body?: unknown;
  readonly text?: string;
  readonly date?: string;
  /** Ends the connection instead of answering. */
  readonly hangUp?: boolean;
}

const seen: Seen[] = [];
let reply: (request: IncomingMessage) => Reply = () => ({});

async function listener(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method, url, headers, socket } = request;
  const body = await bodyOf(request);
  const { authorization, 'content-type': contentType } = headers;
  seen.push({ method, url, authorization, contentType, body, from: socket.remotePort });
  const { status = 200, body: answer = {}, text = JSON.stringify(answer), date, hangUp = false } = reply(request);
  if (hangUp) return void socket.destroy();
  response.sendDate = false;
  if (date !== undefined) response.setHeader('Date', date);
  response.writeHead(status).end(text);
}

const server = await startHttpsServer('127.0.0.1', (request, response) => void listener(request, response));
const kubes: Kube[] = [];
after(async () => {
  kubes.forEach((kube) => kube.close());
  await server.close();
});
beforeEach(() => {
  seen.length = 0;
  reply = () => ({});
});

function connect({ port, certificate }: Pick<HttpsServer, 'port' | 'certificate'> = server, host = '127.0.0.1'): Kube {
  const config = new KubeConfig();
  config.loadFromOptions({
    clusters: [{ name: 'c', server: `https://${host}:${port}`, caData: Buffer.from(certificate).toString('base64') }],
    users: [{ name: 'u', token: 'bearer-token' }],
    contexts: [{ name: 'x', cluster: 'c', user: 'u' }],
    currentContext: 'x',
  });
  const kube = createKube(config);
  kubes.push(kube);
  return kube;
}

const status = (code: number, reason: string, message = ''): Reply => ({
  status: code,
  body: { kind: 'Status', status: 'Failure', reason, message, code },
});

test('get gives the object, with our credentials', async () => {
  reply = () => ({ body: { metadata: { name: 'a' } } });
  assert.deepEqual(await connect().get('/api/v1/namespaces/shop/pods/a'), { metadata: { name: 'a' } });
  assert.deepEqual(
    [seen[0]?.method, seen[0]?.url, seen[0]?.authorization],
    ['GET', '/api/v1/namespaces/shop/pods/a', 'Bearer bearer-token'],
  );
});

test('get gives undefined for what is not there', async () => {
  reply = () => status(404, 'NotFound');
  assert.equal(await connect().get('/x'), undefined);
});

test('list sends selectors and a limit and gives the page', async () => {
  reply = () => ({ body: { items: [1, 2], metadata: { continue: 'more' } } });
  const page = await connect().list('/pods', { fieldSelector: 'a!=b,c=d', labelSelector: 'x=y', continue: 'token/+=' });
  assert.deepEqual(page, { items: [1, 2], continue: 'more' });
  assert.equal(
    seen[0]?.url,
    '/pods?fieldSelector=a%21%3Db%2Cc%3Dd&labelSelector=x%3Dy&continue=token%2F%2B%3D&limit=500',
  );
});

test('the last page has no token, and a list without items is empty', async () => {
  reply = () => ({ body: { items: null, metadata: { continue: '' } } });
  assert.deepEqual(await connect().list('/pods', { limit: 1 }), { items: [], continue: undefined });
  assert.equal(seen[0]?.url, '/pods?limit=1');
});

test('all pages of a list, over one connection', async () => {
  reply = ({ url }) => ({
    body: url?.includes('continue=2') ? { items: ['b'] } : { items: ['a'], metadata: { continue: '2' } },
  });
  assert.deepEqual(await listAll(connect(), '/pods', { labelSelector: 'x=y' }), ['a', 'b']);
  assert.ok(seen.every(({ url }) => url?.includes('labelSelector=x%3Dy')));
  assert.equal(new Set(seen.map(({ from }) => from)).size, 1);
});

test('apply is a server-side apply of the object or of its status', async () => {
  const kube = connect();
  await kube.apply('/x/a', { a: 1 }, { fieldManager: 'me', force: true, subresource: 'status' });
  await kube.apply('/x/a', { a: 1 }, { fieldManager: 'me' });
  assert.deepEqual(
    seen.map(({ method, url, contentType, body }) => [method, url, contentType, body]),
    [
      ['PATCH', '/x/a/status?fieldManager=me&force=true', 'application/apply-patch+yaml', '{"a":1}'],
      ['PATCH', '/x/a?fieldManager=me', 'application/apply-patch+yaml', '{"a":1}'],
    ],
  );
});

test('create tells a taken name from a conflict', async () => {
  const kube = connect();
  reply = () => ({ status: 201 });
  assert.equal(await kube.create('/x', { a: 1 }), 'created');
  reply = () => status(409, 'AlreadyExists');
  assert.equal(await kube.create('/x', { a: 1 }), 'exists');
  reply = () => status(409, 'Conflict');
  await assert.rejects(kube.create('/x', { a: 1 }), requestError.isConflict);
});

test('remove names the incarnation; a namesake or nothing there means gone', async () => {
  const kube = connect();
  assert.equal(await kube.remove('/x/a', 'uid-1'), 'removed');
  assert.deepEqual(JSON.parse(seen[0]?.body ?? ''), {
    kind: 'DeleteOptions',
    apiVersion: 'v1',
    preconditions: { uid: 'uid-1' },
  });
  assert.equal(await kube.remove('/x/a'), 'removed');
  assert.equal(seen[1]?.body, '');
  reply = () => status(404, 'NotFound');
  assert.equal(await kube.remove('/x/a'), 'gone');
  reply = () => status(409, 'Conflict', 'the UID in the precondition does not match');
  assert.equal(await kube.remove('/x/a', 'uid-1'), 'gone');
});

for (const [name, { given, want }] of Object.entries({
  'a refusal': { given: status(403, 'Forbidden', 'may not'), want: { status: 403, reason: 'Forbidden' } },
  'an expired token of a list': { given: status(410, 'Expired'), want: { status: 410, reason: 'Expired' } },
  'a refusal by a rule': { given: status(422, 'Invalid'), want: { status: 422, reason: 'Invalid' } },
  'too many requests': { given: status(429, 'TooManyRequests'), want: { status: 429, reason: 'TooManyRequests' } },
  'an error that is no JSON': {
    given: { status: 502, text: '<html>Bad Gateway</html>' },
    want: { status: 502, reason: '' },
  },
  'a connection cut before the answer': { given: { hangUp: true }, want: { status: 0, reason: 'NoAnswer' } },
})) {
  test(`${name} is a Failure with its status and reason`, async () => {
    reply = () => given;
    await assert.rejects(connect().list('/x'), want);
  });
}

test('nobody listening is a Failure without status', async () => {
  const gone = await startHttpsServer('127.0.0.1', () => undefined);
  await gone.close();
  await assert.rejects(connect(gone).get('/x'), { name: 'Failure', status: 0, reason: 'NoAnswer' });
});

test('a certificate that is not the cluster’s is not trusted', async () => {
  const [certificate = ''] = rootCertificates;
  await assert.rejects(connect({ port: server.port, certificate }).get('/x'), { status: 0 });
  assert.deepEqual(seen, []);
});

test('an API server at an IPv6 address', async (context) => {
  const six = await startHttpsServer('::1', (_request, response) => void response.end('{"six":true}')).catch(
    () => undefined,
  );
  if (six === undefined) return context.diagnostic('this machine has no IPv6');
  assert.deepEqual(await connect(six, '[::1]').get('/x'), { six: true });
  await six.close();
});

test('now is what the API server says, and never goes back', async () => {
  const kube = connect();
  assert.equal(serverNow(kube), 0);
  assert.equal(kube.serverTime(), undefined);
  for (const [date, want] of [
    ['Sun, 02 Jan 2022 06:00:00 GMT', '2022-01-02T06:00:00Z'],
    ['Sun, 02 Jan 2022 05:59:58 GMT', '2022-01-02T06:00:00Z'],
    ['not a date', '2022-01-02T06:00:00Z'],
    ['Sun, 02 Jan 2022 06:00:01 GMT', '2022-01-02T06:00:01Z'],
  ] as const) {
    reply = () => ({ date });
    await kube.get('/x');
    assert.equal(rfc3339(serverNow(kube)), want);
  }
  reply = () => ({ status: 500, date: 'Sun, 02 Jan 2022 07:00:00 GMT' });
  await assert.rejects(kube.get('/x'));
  assert.equal(rfc3339(serverNow(kube)), '2022-01-02T07:00:00Z', 'a refusal has a date too');
});

test('without a cluster it says what to do', () => {
  assert.throws(() => createKube(new KubeConfig()), /set KUBECONFIG or run in a pod/);
});
