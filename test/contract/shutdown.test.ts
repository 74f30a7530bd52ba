/** What Kubernetes may rely on when it stops a function: a signal loses no request. */
import assert from 'node:assert/strict';
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';

async function serving(): Promise<{ child: ChildProcess; port: number }> {
  const child = fork(join(import.meta.dirname, 'serving.ts'), {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  return { child, port };
}

function refused(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('error', () => resolve(true));
    socket.once('connect', () => {
      socket.destroy();
      resolve(false);
    });
  });
}

test('SIGTERM: no new connections, the request in flight is answered, then the process ends', async () => {
  const { child, port } = await serving();
  const handling = once(child, 'message');
  const answer = fetch(`http://127.0.0.1:${port}/`, {
    method: 'POST',
    headers: { 'ce-specversion': '1.0', 'ce-id': 'e-1', 'ce-type': 'test.type', 'ce-source': '/test' },
  });
  assert.deepEqual((await handling)[0], 'handling');
  child.kill('SIGTERM');
  // The signal arrives at some time after this; until then a connection is accepted and closed again.
  while (!(await refused(port))) await new Promise((resolve) => setImmediate(resolve));
  const closed = once(child, 'message');
  const exited = once(child, 'exit');
  child.send('go on');
  const { status, headers } = await answer;
  assert.deepEqual([status, headers.get('connection')], [204, 'close']);
  assert.deepEqual((await closed)[0], 'closed');
  assert.deepEqual(await exited, [0, null]);
});

test('SIGTERM with nothing in flight ends at once, kept-alive connections included', async () => {
  const { child, port } = await serving();
  const exited = once(child, 'exit');
  await (await fetch(`http://127.0.0.1:${port}/healthz`)).arrayBuffer();
  child.kill('SIGTERM');
  assert.deepEqual(await exited, [0, null]);
});
