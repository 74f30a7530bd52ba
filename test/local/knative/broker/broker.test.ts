import assert from 'node:assert/strict';
import type { IncomingHttpHeaders } from 'node:http';
import { afterEach, test } from 'node:test';
import { startBroker, type BrokerServer } from '../../../../local/knative/broker/broker.ts';
import type { Context, Fault } from '../../../../local/knative/core/context.ts';
import { makeEvent, toMessage, type CarriedEvent } from '../../../../local/knative/core/events.ts';
import { listen, post, readAll, type Answer, type Listening } from '../../../../local/knative/core/http.ts';
import type { Broker, DeliverySpec, Trigger } from '../../../../local/knative/core/objects.ts';
import { testContext, type TestContext } from '../support/context.ts';
import { storedBroker, storedTrigger } from '../support/stored.ts';
import { eventually } from '../../../support/eventually.ts';

const open: Listening[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
});

interface Response {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

interface Subscriber {
  readonly url: string;
  readonly got: IncomingHttpHeaders[];
}

/** Answers with the given responses in turn, the last one for ever. */
async function subscriber(...responses: (Response | Promise<Response>)[]): Promise<Subscriber> {
  const got: IncomingHttpHeaders[] = [];
  const server = await listen((request, response) => {
    got.push(request.headers);
    const next = responses.length > 1 ? responses.shift() : responses[0];
    void Promise.all([readAll(request), next ?? { status: 204 }]).then(([, { status, headers, body }]) =>
      response.writeHead(status, headers).end(body),
    );
  });
  open.push(server);
  return { url: server.url, got };
}

interface Running extends TestContext, Pick<BrokerServer, 'restart'> {
  readonly url: string;
  send(event?: CarriedEvent): Promise<Answer>;
}

async function running(
  broker: Broker,
  triggers: readonly Trigger[],
  overrides: Partial<Context> = {},
): Promise<Running> {
  const context = testContext(overrides);
  const { world } = context.context;
  world.brokers.set('ops/default', broker);
  for (const trigger of triggers) world.triggers.set(`ops/${trigger.metadata.name}`, trigger);
  const server = await startBroker(context.context);
  open.push(server);
  const { url } = server;
  return {
    ...context,
    url,
    restart: (downMs) => server.restart(downMs),
    send: (event = ping()) => post(`${url}/ops/default`, toMessage(event)),
  };
}

function ping(extensions: Record<string, string> = {}): CarriedEvent {
  return makeEvent({ type: 'ping', source: '/s', extensions, contentType: 'text/plain', data: Buffer.from('data') });
}

function to(url: string, delivery?: DeliverySpec): Omit<Trigger['spec'], 'broker'> {
  return { subscriber: { uri: url }, ...(delivery === undefined ? {} : { delivery }) };
}

const twice: DeliverySpec = { retry: 2, backoffPolicy: 'exponential', backoffDelay: 'PT1S' };

test('an event goes to every Trigger that wants it, with the arrival time', async () => {
  const [a, b, c] = [await subscriber({ status: 204 }), await subscriber({ status: 204 }), await subscriber()];
  const broker = await running(storedBroker(), [
    storedTrigger('a', to(a.url)),
    storedTrigger('b', { ...to(b.url), filter: { attributes: { type: 'ping', pgname: 'm' } } }),
    storedTrigger('c', { ...to(c.url), filter: { attributes: { type: 'pong' } } }),
    storedTrigger('not-ready', to(c.url), 'False'),
  ]);
  assert.equal((await broker.send(ping({ pgname: 'm' }))).status, 202);
  await eventually('both', () => broker.of('delivery').length === 2);
  const { 'ce-type': type, 'ce-pgname': name, prefer } = a.got[0] ?? {};
  assert.deepEqual({ type, name, prefer }, { type: 'ping', name: 'm', prefer: 'reply' });
  assert.ok(Date.parse(String(a.got[0]?.['ce-knativearrivaltime'])) > 0);
  assert.deepEqual([b.got.length, c.got.length], [1, 0]);
  assert.deepEqual(broker.of('event')[0]?.triggers, ['ops/a', 'ops/b']);
});

test('an asynchronous Broker answers before the function does, a synchronous one after', async () => {
  const release = Promise.withResolvers<Response>();
  const slow = await subscriber(release.promise);
  const broker = await running(storedBroker(), [storedTrigger('slow', to(slow.url))]);
  assert.equal((await broker.send()).status, 202);
  assert.deepEqual(broker.of('delivery'), []);
  release.resolve({ status: 204 });
  await eventually('the delivery', () => broker.of('delivery').length === 1);

  const sync = await running(storedBroker(undefined, false), [storedTrigger('slow', to(slow.url))]);
  assert.equal((await sync.send()).status, 202);
  assert.equal(sync.of('delivery').length, 1);
});

const refused: readonly { name: string; path: string; headers?: Record<string, string>; want: number }[] = [
  { name: 'unknown Broker', path: '/ops/other', want: 404 },
  { name: 'no Broker', path: '/', want: 404 },
  { name: 'path below a Broker', path: '/ops/default/x', want: 400 },
  { name: 'no CloudEvent', path: '/ops/default', headers: { 'content-type': 'application/json' }, want: 400 },
];

for (const { name, path, headers, want } of refused) {
  test(`ingress: ${name} is ${want}`, async () => {
    const broker = await running(storedBroker(), []);
    const message = { ...toMessage(ping()), ...(headers === undefined ? {} : { headers }) };
    const answer = await post(`${broker.url}${path}`, message);
    assert.equal(answer.status, want);
    assert.deepEqual(broker.of('event'), []);
  });
}

const outcomes: readonly {
  name: string;
  responses: readonly Response[];
  statuses: readonly number[];
  dead?: number;
}[] = [
  { name: '204', responses: [{ status: 204 }], statuses: [204] },
  { name: '503, then 204', responses: [{ status: 503 }, { status: 204 }], statuses: [503, 204] },
  { name: '500 for ever', responses: [{ status: 500 }], statuses: [500, 500, 500], dead: 500 },
  { name: '400', responses: [{ status: 400 }], statuses: [400], dead: 400 },
  { name: '413', responses: [{ status: 413 }], statuses: [413], dead: 413 },
  { name: '302', responses: [{ status: 302 }], statuses: [302], dead: 302 },
  {
    name: '200 with a body',
    responses: [{ status: 200, body: 'ok' }, { status: 200 }],
    statuses: [502, 200],
  },
  {
    name: '200 with an event',
    responses: [{ status: 200, headers: { 'ce-specversion': '1.0' } }, { status: 204 }],
    statuses: [502, 204],
  },
];

for (const { name, responses, statuses, dead } of outcomes) {
  test(`a function answers ${name}`, async () => {
    const target = await subscriber(...responses);
    const broker = await running(storedBroker(undefined, false), [storedTrigger('t', to(target.url, twice))]);
    await broker.send();
    assert.deepEqual(
      broker.of('delivery').map(({ status, attempt }) => [status, attempt]),
      statuses.map((status, index) => [status, index + 1]),
    );
    assert.deepEqual(
      broker.of('dead-letter').map(({ code }) => code),
      dead === undefined ? [] : [dead],
    );
    assert.equal(new Set(target.got.map((headers) => headers['ce-id'])).size, 1, 'all attempts carry one id');
  });
}

test('nobody answers: retried, then a dead letter with code 500', async () => {
  const broker = await running(storedBroker(undefined, false), [storedTrigger('t', to('http://127.0.0.1:1/', twice))]);
  assert.equal((await broker.send()).status, 500);
  assert.deepEqual(
    broker.of('delivery').map(({ status, retryInMs }) => [status, retryInMs]),
    [
      [0, 1000],
      [0, 2000],
      [0, undefined],
    ],
  );
  assert.deepEqual(
    broker.of('dead-letter').map(({ code, to }) => [code, to]),
    [[500, undefined]],
  );
});

test('the dead letter is the original event with what went wrong', async () => {
  const [bad, sink] = [
    await subscriber({ status: 400, body: 'no such thing' }),
    await subscriber({ status: 503 }, { status: 204 }),
  ];
  const broker = await running(storedBroker({ deadLetterSink: { uri: `${sink.url}/undelivered` } }, false), [
    // Its own delivery replaces that of the Broker, but for the dead letter sink.
    storedTrigger('t', to(bad.url, twice)),
  ]);
  const event = ping({ pgname: 'm' });
  assert.equal((await broker.send(event)).status, 202);
  assert.equal(bad.got.length, 1);
  assert.equal(sink.got.length, 2, 'the dead letter is retried too');
  const letter = sink.got[1] ?? {};
  assert.equal(letter['ce-id'], event.attributes['id']);
  assert.equal(letter['ce-pgname'], 'm');
  assert.equal(letter['ce-knativeerrordest'], bad.url);
  assert.equal(letter['ce-knativeerrorcode'], '400');
  assert.equal(Buffer.from(String(letter['ce-knativeerrordata']), 'base64').toString(), 'no such thing');
});

test('an answer after the time limit is none, and its dead letter does not say what went wrong', async () => {
  const [never, sink] = [await subscriber(new Promise<Response>(() => undefined)), await subscriber({ status: 204 })];
  const broker = await running(storedBroker({ deadLetterSink: { uri: sink.url } }, false), [
    // The same time counts for the dead letter.
    storedTrigger('t', to(never.url, { timeout: 'PT2S' })),
  ]);
  assert.equal((await broker.send(ping({ pgname: 'm' }))).status, 202);
  assert.deepEqual(
    broker.of('delivery').map(({ status }) => status),
    [0, 204],
  );
  const letter = sink.got[0] ?? {};
  assert.equal(letter['ce-pgname'], 'm');
  assert.deepEqual(
    Object.keys(letter).filter((name) => name.startsWith('ce-knativeerror')),
    [],
  );
});

const replaced: readonly { name: string; broker?: DeliverySpec; trigger?: DeliverySpec; attempts: number }[] = [
  { name: 'only the Broker has one', broker: twice, attempts: 3 },
  { name: 'the Trigger has retries of its own', broker: twice, trigger: { retry: 1 }, attempts: 2 },
  { name: 'a Trigger with only a timeout has no retries', broker: twice, trigger: { timeout: 'PT10S' }, attempts: 1 },
  { name: 'neither', attempts: 1 },
];

for (const { name, broker: delivery, trigger, attempts } of replaced) {
  test(`delivery spec: ${name}`, async () => {
    const bad = await subscriber({ status: 503 });
    const broker = await running(storedBroker(delivery, false), [storedTrigger('t', to(bad.url, trigger))]);
    await broker.send();
    assert.equal(bad.got.length, attempts);
  });
}

const faults: readonly { readonly fault: Fault; readonly copies: number }[] = [
  { fault: 'deliver', copies: 1 },
  { fault: 'drop', copies: 0 },
  { fault: 'duplicate', copies: 2 },
  { fault: [0, 20, 10], copies: 3 },
  { fault: [], copies: 0 },
];

for (const { fault, copies } of faults) {
  test(`fault ${JSON.stringify(fault)}: ${copies} copies of the event for one Trigger, one for another`, async () => {
    const [a, b] = [await subscriber(), await subscriber()];
    const broker = await running(
      storedBroker(undefined, false),
      [storedTrigger('a', to(a.url)), storedTrigger('b', to(b.url))],
      { faults: { onDelivery: (_event, trigger) => (trigger === 'ops/a' ? fault : 'deliver') } },
    );
    assert.equal((await broker.send()).status, 202);
    assert.deepEqual([a.got.length, b.got.length], [copies, 1]);
    assert.equal(new Set([...a.got, ...b.got].map((headers) => headers['ce-id'])).size, 1);
  });
}

test('a restart loses what waits for its next attempt; the address stays, and is taken up again', async () => {
  const [busy, other] = [await subscriber({ status: 503 }, { status: 204 }), await subscriber()];
  const patient: DeliverySpec = { retry: 5, backoffPolicy: 'exponential', backoffDelay: 'PT10H' };
  const broker = await running(storedBroker(), [storedTrigger('busy', to(busy.url, patient))]);
  await broker.send();
  await eventually('a failed attempt', () => broker.of('delivery').some(({ retryInMs }) => retryInMs !== undefined));
  const restart = broker.restart(50);
  assert.equal((await broker.send()).status, 0, 'nobody listens');
  await restart;
  broker.context.world.triggers.set('ops/other', storedTrigger('other', to(other.url)));
  broker.context.world.triggers.delete('ops/busy');
  assert.equal((await broker.send()).status, 202);
  await eventually('the second event', () => other.got.length === 1);
  assert.equal(busy.got.length, 1, 'the first event is lost');
  assert.deepEqual(broker.of('trouble'), []);
});
