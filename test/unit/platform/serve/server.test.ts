/** The HTTP face of a function: what counts as a CloudEvent, and which answer each outcome gets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Express } from 'express';
import request from 'supertest';
import { requestError } from '../../../../functions/domain/request-error.ts';
import { createApp, type EventHandler, type ReceivedEvent } from '../../../../functions/platform/serve/server.ts';
import { createFakeClock, createFakeLog, type Line } from '../../../support/effects.ts';

interface Served {
  readonly app: Express;
  readonly events: ReceivedEvent[];
  readonly lines: readonly Line[];
}

const done: EventHandler = () => Promise.resolve({ outcome: 'done', reason: 'Tested', message: 'all well' });

function served(handler: EventHandler = done): Served {
  const log = createFakeLog();
  const events: ReceivedEvent[] = [];
  const app = createApp({
    log,
    clock: createFakeClock(),
    routes: {
      '/': (event) => {
        events.push(event);
        return handler(event);
      },
      '/undelivered': done,
    },
  });
  return { app, events, lines: log.lines };
}

const attributes = { specversion: '1.0', id: 'e-1', type: 'test.type', source: '/test', pgpurpose: 'slot' };

test('structured mode', async () => {
  const { app, events } = served();
  const body = JSON.stringify({ ...attributes, data: { namespace: 'shop' } });
  const answer = await request(app)
    .post('/')
    .set('Content-Type', 'application/cloudevents+json; charset=utf-8')
    .send(body);
  assert.deepEqual([answer.status, answer.text], [204, '']);
  assert.deepEqual([events[0]?.id, events[0]?.['pgpurpose'], events[0]?.data], ['e-1', 'slot', { namespace: 'shop' }]);
});

function binary(app: Express, change: Readonly<Record<string, string | undefined>> = {}): request.Test {
  const headers = { 'ce-specversion': '1.0', 'ce-id': 'e-1', 'ce-type': 'test.type', 'ce-source': '/test', ...change };
  return Object.entries(headers).reduce(
    (post, [name, value]) => (value === undefined ? post : post.set(name, value)),
    request(app).post('/'),
  );
}

test('binary mode', async () => {
  const { app, events } = served();
  const answer = await binary(app, { 'ce-pgpurpose': 'slot', 'Content-Type': 'application/json' }).send(
    '{"namespace":"shop"}',
  );
  assert.deepEqual([answer.status, answer.text], [204, '']);
  assert.deepEqual([events[0]?.id, events[0]?.['pgpurpose'], events[0]?.data], ['e-1', 'slot', { namespace: 'shop' }]);
});

test('binary mode without data', async () => {
  const { app, events } = served();
  assert.equal((await binary(app)).status, 204);
  assert.equal(events[0]?.type, 'test.type');
});

for (const [name, post] of Object.entries({
  'a batch': (app: Express) =>
    request(app)
      .post('/')
      .set('Content-Type', 'application/cloudevents-batch+json')
      .send(JSON.stringify([attributes])),
  'a batch in other letters': (app: Express) =>
    request(app).post('/').set('Content-Type', 'Application/CloudEvents-Batch+json').send('[]'),
  'plain JSON': (app: Express) => request(app).post('/').send({ hello: 'world' }),
  nothing: (app: Express) => request(app).post('/'),
  'an event without type': (app: Express) => binary(app, { 'ce-type': undefined }),
  'an event without source': (app: Express) => binary(app, { 'ce-source': undefined }),
  'an event without id': (app: Express) => binary(app, { 'ce-id': undefined }),
  'structured mode that is no JSON': (app: Express) =>
    request(app).post('/').set('Content-Type', 'application/cloudevents+json').send('{'),
  'a body beyond 2 MiB': (app: Express) =>
    binary(app, { 'Content-Type': 'text/plain' }).send('x'.repeat(2 * 1024 * 1024 + 1)),
})) {
  test(`${name} is refused with 400 and reaches no handler`, async () => {
    const { app, events, lines } = served();
    assert.equal((await post(app)).status, 400);
    assert.deepEqual(events, []);
    assert.equal(lines[0]?.level, 'warn');
  });
}

const refusals: Readonly<
  Record<string, { readonly handler: EventHandler; readonly want: number; readonly reason: string }>
> = {
  'an outcome to retry': {
    handler: () => Promise.resolve({ outcome: 'retry', reason: 'Conflict', message: '' }),
    want: 503,
    reason: 'Conflict',
  },
  'no answer of the API server': {
    handler: () => Promise.reject(requestError.of(0, 'NoAnswer', 'connection refused')),
    want: 503,
    reason: 'NoAnswer',
  },
  'a 404 of the API server, which is not ours': {
    handler: () => Promise.reject(requestError.of(404, '', 'no such resource type')),
    want: 503,
    reason: 'Http404',
  },
  'a mistake of ours': {
    handler: () => Promise.reject(new TypeError('undefined is not a function')),
    want: 503,
    reason: 'UnexpectedError',
  },
  'H35 a namespace that is being deleted': {
    handler: () =>
      Promise.reject(requestError.of(403, 'Forbidden', 'unable to create new content because it is being terminated')),
    want: 204,
    reason: 'NamespaceTerminating',
  },
  'a lack of rights, which somebody may mend': {
    handler: () => Promise.reject(requestError.of(403, 'Forbidden', 'cannot list resource "pgmanagers"')),
    want: 503,
    reason: 'Forbidden',
  },
};

for (const [name, { handler, want, reason }] of Object.entries(refusals)) {
  test(`${name} is answered with ${want}`, async () => {
    const { app, lines } = served(handler);
    const answer = await binary(app);
    assert.deepEqual([answer.status, answer.text], [want, '']);
    const line = lines.find(({ message }) => message === 'Event handled');
    assert.deepEqual([line?.fields['reason'], line?.fields['id']], [reason, 'e-1']);
  });
}

test('health, unknown paths and other methods', async () => {
  const { app, events } = served();
  assert.equal((await request(app).get('/healthz')).status, 200);
  assert.equal((await request(app).post('/elsewhere')).status, 404);
  assert.equal((await request(app).get('/')).status, 404);
  assert.equal((await request(app).post('/undelivered').set('ce-id', 'x')).status, 400);
  assert.deepEqual(events, []);
});
