import assert from 'node:assert/strict';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, test } from 'node:test';
import type { Context } from '../../../../local/knative/core/context.ts';
import { serveFunction, type ServedFunction } from '../../../../local/knative/serving/function.ts';
import type { KnativeService } from '../../../../local/knative/core/objects.ts';
import { revisionOf } from '../../../../local/knative/serving/revision.ts';
import { testContext, type TestContext } from '../support/context.ts';
import { storedService } from '../support/stored.ts';
import { eventually } from '../../../support/eventually.ts';

const script = join(dirname(import.meta.filename), '..', 'support', 'function.ts');
const open: ServedFunction[] = [];
const dirs: string[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.stop()));
  for (const dir of dirs.splice(0)) await rm(dir, { recursive: true, force: true });
});

interface Worker extends TestContext {
  readonly served: ServedFunction;
  readonly files: { readonly record: string; readonly ready: string; readonly release: string };
  /** What the function wrote down. */
  recorded(): { url?: string; signal?: string; pid: number }[];
  /** The processes as they were reported. */
  processes(): string[];
  call(path: string): Promise<{ status: number; text: string }>;
}

interface Options {
  readonly service?: KnativeService;
  readonly argv?: readonly string[];
  /** The function becomes ready at once; otherwise when the file `ready` is there. */
  readonly isReady?: boolean;
  readonly context?: Partial<Context>;
}

async function worker(options: Options = {}): Promise<Worker> {
  const { service = storedService(), argv = [process.execPath, script], isReady = true } = options;
  const dir = await mkdtemp(join(tmpdir(), 'aidboxops-function-'));
  dirs.push(dir);
  const files = { record: join(dir, 'record'), ready: join(dir, 'ready'), release: join(dir, 'release') };
  if (isReady) touch(files.ready);
  const place = { namespace: 'ops', name: 'worker', dir, log: join(dir, 'log', 'worker.log') };
  const env = { RECORD: files.record, READY: files.ready, RELEASE: files.release };
  const context = testContext({ pace: 1, ...options.context });
  const served = await serveFunction(context.context, place, revisionOf(service, env), () => argv);
  open.push(served);
  return {
    ...context,
    served,
    files,
    recorded: () => lines(files.record),
    processes: () => context.of('process').map(({ state, from, to }) => `${state} ${from}→${to}`),
    async call(path) {
      const answer = await fetch(`${served.url}${path}`, { method: 'POST', body: 'x' });
      return { status: answer.status, text: await answer.text() };
    },
  };
}

function touch(file: string): void {
  appendFileSync(file, '');
}

function lines(file: string): { url?: string; signal?: string; pid: number }[] {
  if (!existsSync(file)) return [];
  const text = readFileSync(file, 'utf8').trim();
  return text.split('\n').map((line) => JSON.parse(line) as { url?: string; signal?: string; pid: number });
}

function pidOf({ served }: Worker): Promise<number> {
  return eventually('a process', () => served.state().pid);
}

test('from zero to one on demand, and back to zero after the idle window', async () => {
  const one = await worker({
    service: storedService({}, { 'autoscaling.knative.dev/window': '6s' }),
    context: { pace: 0.01 },
  });
  assert.deepEqual([one.served.state().state, one.served.state().starts], ['zero', 0]);
  assert.equal((await one.call('/')).status, 204);
  await eventually('zero', () => one.served.state().state === 'zero');
  assert.deepEqual(one.processes(), ['starting 0→1', 'running 1→1', 'stopping 1→1', 'ended 1→0']);
  assert.deepEqual(
    one.recorded().map(({ url, signal }) => url ?? signal),
    ['/', 'SIGTERM'],
  );
  assert.equal(one.of('process').at(-1)?.detail, 'exit code 0');
  assert.equal((await one.call('/')).status, 204);
  assert.equal(one.served.state().starts, 2);
});

test('requests are held while the process starts, and one process serves them all', async () => {
  const one = await worker({ isReady: false });
  const answers = Promise.all([one.call('/a'), one.call('/b')]);
  await pidOf(one);
  assert.equal(one.served.state().state, 'starting');
  assert.deepEqual(one.recorded(), []);
  touch(one.files.ready);
  assert.deepEqual(
    (await answers).map(({ status }) => status),
    [204, 204],
  );
  assert.deepEqual([one.served.state().state, one.served.state().starts], ['running', 1]);
});

test('a request in flight is finished after SIGTERM, and stop waits for it', async () => {
  const one = await worker();
  const slow = one.call('/slow');
  await eventually('the request to arrive', () => one.recorded().some(({ url }) => url === '/slow'));
  const stopped = one.served.stop();
  await eventually('SIGTERM', () => one.recorded().some(({ signal }) => signal === 'SIGTERM'));
  assert.equal(one.served.state().state, 'stopping');
  assert.equal((await one.call('/late')).status, 503);
  touch(one.files.release);
  assert.equal((await slow).status, 204);
  await stopped;
  assert.equal(one.served.state().state, 'zero');
});

test('a process that is killed in mid-request costs that request a 502, the next one starts another', async () => {
  const one = await worker();
  const slow = one.call('/slow');
  await eventually('the request to arrive', () => one.recorded().some(({ url }) => url === '/slow'));
  const pid = await pidOf(one);
  process.kill(pid, 'SIGKILL');
  assert.equal((await slow).status, 502);
  assert.equal((await one.call('/')).status, 204);
  assert.notEqual(one.recorded().at(-1)?.pid, pid);
  assert.equal(one.served.state().starts, 2);
  assert.equal(one.of('process').find(({ state }) => state === 'ended')?.detail, 'SIGKILL');
});

test('a process that exits in mid-request', async () => {
  const one = await worker();
  assert.equal((await one.call('/exit')).status, 502);
  await eventually('zero', () => one.served.state().state === 'zero');
  assert.equal(one.of('process').at(-1)?.detail, 'exit code 3');
});

const unstartable: readonly { name: string; argv: readonly string[]; want: RegExp }[] = [
  { name: 'ends at once', argv: [process.execPath, '--eval', 'process.exit(7)'], want: /exit code 7/ },
  { name: 'does not exist', argv: ['/no/such/program'], want: /ENOENT/ },
];

for (const { name, argv, want } of unstartable) {
  test(`a program that ${name} is a 502 that says so, and the function can be called again`, async () => {
    const one = await worker({ argv });
    for (const starts of [1, 2]) {
      const { status, text } = await one.call('/');
      assert.equal(status, 502);
      assert.match(text, want);
      await eventually('zero', () => one.served.state().state === 'zero');
      assert.equal(one.served.state().starts, starts);
    }
  });
}

test('a ServiceAccount that does not exist keeps the function from starting', async () => {
  const { context } = testContext();
  const api = { ...context.api, call: () => Promise.reject(new Error('serviceaccounts "worker" not found')) };
  const one = await worker({ context: { api } });
  const { status, text } = await one.call('/');
  assert.equal(status, 502);
  assert.match(text, /serviceaccounts "worker" not found/);
  assert.deepEqual(
    one.of('process').map(({ state }) => state),
    ['failed'],
  );
});

test('containerConcurrency: no more than that many at a time, the others wait', async () => {
  const one = await worker({ service: storedService({ containerConcurrency: 1 }) });
  const slow = one.call('/slow');
  await eventually('the first request to arrive', () => one.recorded().length === 1);
  const second = one.call('/second');
  const third = one.call('/third');
  touch(one.files.release);
  assert.deepEqual(
    (await Promise.all([slow, second, third])).map(({ status }) => status),
    [204, 204, 204],
  );
  assert.equal(one.recorded()[0]?.url, '/slow');
  assert.equal(one.served.state().starts, 1);
});

test('timeoutSeconds: 504, and neither the process nor its place is lost', async () => {
  const one = await worker({ service: storedService({ containerConcurrency: 1, timeoutSeconds: 3 }) });
  assert.equal((await one.call('/slow')).status, 504);
  assert.equal((await one.call('/next')).status, 204);
  assert.equal(one.served.state().starts, 1);
  touch(one.files.release);
});

test('timeoutSeconds counts the cold start, too', async () => {
  const one = await worker({ isReady: false, service: storedService({ timeoutSeconds: 1 }) });
  assert.equal((await one.call('/')).status, 504);
});

test('SIGKILL for a process that has not ended after timeoutSeconds', async () => {
  const deaf = `process.on('SIGTERM', () => {});
    require('node:http').createServer((_, response) => response.end()).listen(process.env.PORT, '127.0.0.1');`;
  const one = await worker({ argv: [process.execPath, '--eval', deaf], service: storedService({ timeoutSeconds: 1 }) });
  assert.equal((await one.call('/')).status, 200);
  await one.served.stop();
  assert.equal(one.of('process').at(-1)?.detail, 'SIGKILL');
});

test('a new revision serves new requests while the old one finishes its own', async () => {
  const one = await worker();
  const slow = one.call('/slow');
  await eventually('the request to arrive', () => one.recorded().length === 1);
  const old = await pidOf(one);
  const env = { RECORD: one.files.record, READY: one.files.ready, NEW: 'yes' };
  one.served.use(revisionOf(storedService(), env));
  const fresh = JSON.parse((await one.call('/environment')).text) as Record<string, string>;
  assert.deepEqual([fresh['NEW'], fresh['K_SERVICE'], fresh['K_REVISION']], ['yes', 'worker', 'worker-00002']);
  assert.equal(fresh['NODE_TEST_CONTEXT'], undefined, 'nothing of our own environment leaks in');
  assert.ok(
    one.recorded().every(({ signal }) => signal === undefined),
    'the old process is left alone while it works',
  );
  touch(one.files.release);
  assert.equal((await slow).status, 204);
  await eventually('the end of the old process', () =>
    one.of('process').some(({ pid, state }) => pid === old && state === 'ended'),
  );
  one.served.use(revisionOf(storedService(), env));
  assert.equal((await one.call('/')).status, 204);
  assert.equal(one.served.state().starts, 2, 'the same revision again changes nothing');
});

test('an unused process of an old revision ends at once', async () => {
  const one = await worker();
  await one.call('/');
  one.served.use(revisionOf(storedService({}, { changed: 'yes' }), {}));
  await eventually('zero', () => one.served.state().state === 'zero');
});

test('what the function prints is in its log', async () => {
  const one = await worker({
    argv: [process.execPath, '--eval', 'console.log("to stdout"); console.error("to stderr")'],
  });
  await one.call('/');
  await eventually('zero', () => one.served.state().state === 'zero');
  assert.equal(readFileSync(one.served.state().log, 'utf8'), 'to stdout\nto stderr\n');
});

const notUnderstood: readonly { name: string; service: KnativeService; want: RegExp }[] = [
  {
    name: 'two containers',
    service: storedService({ containers: [{ image: 'a' }, { image: 'b' }] }),
    want: /exactly one container/,
  },
  {
    name: 'valueFrom',
    service: storedService({ containers: [{ image: 'a', env: [{ name: 'A', valueFrom: {} }] }] }),
    want: /valueFrom of variable A/,
  },
  {
    name: 'a container without a probe',
    service: storedService({ containers: [{ image: 'a' }] }),
    want: /HTTP readiness probe/,
  },
  { name: 'envFrom', service: storedService({ containers: [{ image: 'a', envFrom: [{}] }] }), want: /envFrom/ },
  {
    name: 'a window that is no duration',
    service: storedService({}, { 'autoscaling.knative.dev/window': '15' }),
    want: /"15" is no duration/,
  },
];

for (const { name, service, want } of notUnderstood) {
  test(`not silently ignored: ${name}`, () => assert.throws(() => revisionOf(service, {}), want));
}

test('a revision is read from the template', () => {
  const { fingerprint, ...revision } = revisionOf(
    storedService(
      {
        containers: [
          {
            image: 'i',
            command: ['node', '/app/x.cjs'],
            args: ['--y'],
            env: [{ name: 'A', value: '1' }, { name: 'B' }],
            readinessProbe: { httpGet: { path: '/healthz' } },
          },
        ],
        serviceAccountName: 'sa',
        containerConcurrency: 10,
        timeoutSeconds: 120,
      },
      { 'autoscaling.knative.dev/window': '1m30s' },
    ),
    { K_SINK: 'http://broker' },
  );
  assert.ok(fingerprint.length > 0);
  assert.deepEqual(revision, {
    image: 'i',
    command: ['node', '/app/x.cjs', '--y'],
    env: { A: '1', B: '', K_SINK: 'http://broker' },
    serviceAccountName: 'sa',
    concurrency: 10,
    timeoutMs: 120_000,
    windowMs: 90_000,
    readinessPath: '/healthz',
  });
});
