/** Every way in which an exec can end, against a small server that speaks the protocol of the API server. */
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { KubeConfig } from '@kubernetes/client-node';
import { type WebSocket, WebSocketServer } from 'ws';
import { createExec, type ExecOptions, type ExecResult } from '../../functions/platform/kubernetes/exec.ts';

type Answer = (socket: WebSocket, request: IncomingMessage) => void;

function frame(channel: number, text: string): Buffer {
  return Buffer.concat([Buffer.from([channel]), Buffer.from(text)]);
}

const success = frame(3, JSON.stringify({ status: 'Success' }));

function exitStatus(code: number | 'x'): Buffer {
  const details = { causes: [{ reason: 'ExitCode', message: String(code) }] };
  return frame(3, JSON.stringify({ status: 'Failure', reason: 'NonZeroExitCode', details }));
}

function failureStatus(message: string, code = 500): Buffer {
  return frame(3, JSON.stringify({ status: 'Failure', reason: 'InternalError', message, code }));
}

function configOf(port: number): KubeConfig {
  const config = new KubeConfig();
  config.loadFromOptions({
    clusters: [{ name: 'test', server: `http://127.0.0.1:${port}`, skipTLSVerify: true }],
    users: [{ name: 'test', token: 'secret' }],
    contexts: [{ name: 'test', cluster: 'test', user: 'test' }],
    currentContext: 'test',
  });
  return config;
}

const target = { namespace: 'pgnamespace', pod: 'postgres-0', container: 'postgres' };

const gigabyte = 2 ** 30;

/** Sends up to a gigabyte on a channel, each frame when the one before it is on its way; gives how much was taken. */
async function pour(socket: WebSocket, channel: number): Promise<number> {
  const bytes = frame(channel, 'x'.repeat(1024 * 1024));
  for (let sent = 0; sent < gigabyte; sent += bytes.length) {
    const failed = await new Promise<boolean>((resolve) =>
      socket.send(bytes, (error) => resolve(error !== undefined && error !== null)),
    );
    if (failed) return sent;
  }
  return gigabyte;
}

describe('exec', () => {
  let server: Server;
  let answer: Answer;
  let reject: { code: number; body: string; times?: number } | undefined;
  let requested: URL;
  let closed: Promise<number>;

  before(async () => {
    const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => 'v5.channel.k8s.io' });
    server = createServer();
    server.on('upgrade', (request, socket, head) => {
      requested = new URL(request.url ?? '', 'http://server');
      if (reject !== undefined) {
        const { code, body, times = Infinity } = reject;
        reject = times > 1 ? { code, body, times: times - 1 } : undefined;
        socket.end(
          `HTTP/1.1 ${code} No\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
        );
        return;
      }
      sockets.handleUpgrade(request, socket, head, (opened) => {
        closed = new Promise((resolve) => opened.on('close', resolve));
        answer(opened, request);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  after(() => server.close());

  function exec(argv: string[] = ['true'], options: Partial<ExecOptions> = {}): Promise<ExecResult> {
    const { port } = server.address() as AddressInfo;
    return createExec(configOf(port), 1)(target, argv, { timeoutMs: 10_000, ...options });
  }

  async function execAgainst(by: Answer, options?: Partial<ExecOptions>): Promise<ExecResult> {
    answer = by;
    reject = undefined;
    return exec(undefined, options);
  }

  async function rejected(code: number, body: string | object): Promise<ExecResult> {
    reject = { code, body: typeof body === 'string' ? body : JSON.stringify(body) };
    return exec();
  }

  test('success: both streams, argv unharmed, container named, no stdin asked for', async () => {
    answer = (socket) => {
      socket.send(frame(1, 'out '));
      socket.send(frame(2, 'err'));
      socket.send(frame(1, 'ü'));
      socket.send(success);
    };
    reject = undefined;
    const argv = ['sh', '-c', 'eval "$1"', 'a b&c=d+e%\n#'];
    assert.deepEqual(await exec(argv), { kind: 'done', exitCode: 0, stdout: 'out ü', stderr: 'err' });
    assert.equal(requested.pathname, '/api/v1/namespaces/pgnamespace/pods/postgres-0/exec');
    assert.deepEqual(requested.searchParams.getAll('command'), argv);
    assert.deepEqual(
      [requested.searchParams.get('container'), requested.searchParams.get('stdin')],
      ['postgres', null],
    );
  });

  test('the exit code of the command', async () => {
    const result = await execAgainst((socket) => socket.send(exitStatus(3)));
    assert.deepEqual(result, { kind: 'done', exitCode: 3, stdout: '', stderr: '' });
  });

  for (const [what, by, code] of [
    ['dropped before the status', (socket) => socket.send(frame(1, 'some'), () => socket.terminate()), 1006],
    ['closed in order, without a status', (socket) => socket.close(1000), 1000],
  ] satisfies [string, Answer, number][]) {
    test(`connection ${what}`, async () => {
      assert.deepEqual(await execAgainst(by), { kind: 'unknown', message: `stream closed (${code}) before the end` });
    });
  }

  test('forbidden: the body names the missing verb', async () => {
    const message = 'pods "postgres-0" is forbidden: User "backup" cannot create resource "pods/exec"';
    assert.deepEqual(await rejected(403, { kind: 'Status', message, code: 403 }), { kind: 'forbidden', message });
  });

  test('forbidden by an API server that has not read the roles yet: asked again', async () => {
    answer = (socket) => socket.send(success);
    reject = { code: 403, body: JSON.stringify({ kind: 'Status', message: 'not yet', code: 403 }), times: 1 };
    assert.deepEqual(await exec(), { kind: 'done', exitCode: 0, stdout: '', stderr: '' });
  });

  test('forbidden, and no time left to ask again', async () => {
    reject = { code: 403, body: JSON.stringify({ kind: 'Status', message: 'no', code: 403 }), times: 1 };
    const { port } = server.address() as AddressInfo;
    const result = await createExec(configOf(port), 60_000)(target, ['true'], { timeoutMs: 10_000 });
    assert.deepEqual(result, { kind: 'forbidden', message: 'no' });
  });

  test('1 GB of output: cut off after 8 MiB', async () => {
    const sent = Promise.withResolvers<number>();
    const result = await execAgainst((socket) => void pour(socket, 1).then(sent.resolve));
    assert.deepEqual(result, { kind: 'unknown', message: 'command wrote more than 8388608 bytes' });
    assert.ok((await sent.promise) < gigabyte, 'nobody takes the rest');
  });

  test('1 GB of errors: the beginning is kept, and the end is seen', async () => {
    const before = process.memoryUsage().rss;
    const pouring = (socket: WebSocket): void => void pour(socket, 2).then(() => socket.send(exitStatus(3)));
    const result = await execAgainst(pouring, { timeoutMs: 120_000 });
    assert.ok(result.kind === 'done' && result.exitCode === 3, result.kind);
    assert.equal(result.stderr.length, 64 * 1024);
    assert.ok(process.memoryUsage().rss - before < gigabyte / 2, 'memory is bounded');
  });

  test('silence after the connection is ended by our deadline', async () => {
    assert.deepEqual(await execAgainst(() => undefined, { timeoutMs: 200 }), { kind: 'timeout' });
    assert.equal(await closed, 1006);
  });

  test('silence instead of a handshake is ended by our deadline', async () => {
    const open: Socket[] = [];
    const silent = createTcpServer((socket) => open.push(socket));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as AddressInfo;
    const result = await createExec(configOf(port))(target, ['true'], { timeoutMs: 200 });
    assert.deepEqual(result, { kind: 'timeout' });
    for (const socket of open) socket.destroy();
    silent.close();
  });

  test('nobody listens', async () => {
    const result = await createExec(configOf(1))(target, ['true'], { timeoutMs: 5_000 });
    assert.equal(result.kind, 'transient');
    assert.match('message' in result ? result.message : '', /ECONNREFUSED/);
  });

  test('after end=1 the caller hangs up, even when the line comes in pieces', async () => {
    const result = await execAgainst(
      (socket) => {
        socket.send(frame(1, 'log=end=1\nnow=5\nen'));
        socket.send(frame(1, 'd=1'));
        socket.send(frame(1, '\n'));
      },
      { untilEnd: true },
    );
    assert.deepEqual(result, { kind: 'done', exitCode: 0, stdout: 'log=end=1\nnow=5\nend=1\n', stderr: '' });
    assert.equal(await closed, 1005);
  });

  test('end=1 means nothing unless it was asked for, or inside of another line', async () => {
    const drop: Answer = (socket) => {
      socket.send(frame(1, 'x=end=1\n'));
      socket.send(frame(1, 'end=12\n'), () => socket.terminate());
    };
    assert.equal((await execAgainst(drop, { untilEnd: true })).kind, 'unknown');
  });

  const status = (bytes: Buffer) => (): Promise<ExecResult> => execAgainst((socket) => socket.send(bytes));
  const rows: [what: string, answer: () => Promise<ExecResult>, want: ExecResult['kind']][] = [
    ['no such pod', () => rejected(404, { message: 'pods "postgres-0" not found' }), 'not-found'],
    ['no such container', () => rejected(400, { message: 'container postgres is not valid for pod' }), 'not-found'],
    ['container restarting', () => rejected(500, 'unable to upgrade connection: container not found'), 'transient'],
    [
      'container stopping',
      status(failureStatus('error executing command in container: write: broken pipe')),
      'transient',
    ],
    ['kubelet down', () => rejected(502, 'dial tcp: connection refused'), 'transient'],
    ['gateway gave up', () => rejected(504, ''), 'unknown'],
    ['token rotated', () => rejected(401, { message: 'Unauthorized' }), 'transient'],
    ['no shell', status(failureStatus('exec: "sh": executable file not found in $PATH')), 'not-found'],
    ['status is not JSON', status(frame(3, 'nonsense')), 'transient'],
    ['status of a wrong shape', status(frame(3, '{"status":5}')), 'transient'],
    ['exit code is not a number', status(exitStatus('x')), 'transient'],
  ];
  for (const [what, answer, want] of rows) {
    test(`${what}: ${want}`, async () => assert.equal((await answer()).kind, want));
  }
});
