/** CloudEvents as properties: what is one comes through unchanged in both modes, and nothing whatever is answered 500. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import request from 'supertest';
import { createApp, type ReceivedEvent } from '../../../../functions/platform/serve/server.ts';
import { createFakeClock, createFakeLog } from '../../../support/effects.ts';

const events: ReceivedEvent[] = [];
const app = createApp({
  log: createFakeLog(),
  clock: createFakeClock(),
  routes: {
    '/': (event) => {
      events.push(event);
      return Promise.resolve({ outcome: 'done', reason: 'Tested', message: '' });
    },
  },
});

/** What a header may hold without being encoded. */
const visible = fc.stringMatching(/^[!#-$&-~]{1,40}$/);
const attributes = fc.record({
  id: visible,
  type: visible,
  source: fc.webPath().filter((path) => path !== ''),
  pgpurpose: fc.constantFrom('slot', 'backup', 'rotation'),
  pgname: fc.stringMatching(/^[a-z0-9]{1,30}$/),
});
/** JSON objects; numbers that JSON can say exactly. */
const data = fc.dictionary(
  fc.string({ unit: 'grapheme' }),
  fc.oneof(fc.string({ unit: 'grapheme' }), fc.integer(), fc.boolean(), fc.constant(null)),
  { noNullPrototype: true },
);

function lastOf(received: ReceivedEvent[]): object {
  const event = received.pop();
  assert.ok(event !== undefined);
  const { id, type, source, data: got } = event;
  return { id, type, source, pgpurpose: event['pgpurpose'], pgname: event['pgname'], data: got };
}

test('structured mode: attributes, extensions and data as they were sent', async () => {
  await fc.assert(
    fc.asyncProperty(attributes, data, async (given, payload) => {
      const body = JSON.stringify({ specversion: '1.0', ...given, data: payload });
      const { status } = await request(app).post('/').set('Content-Type', 'application/cloudevents+json').send(body);
      assert.equal(status, 204);
      assert.deepEqual(lastOf(events), { ...given, data: payload });
    }),
    { numRuns: 60 },
  );
  assert.equal(events.length, 0);
});

test('binary mode: the same', async () => {
  await fc.assert(
    fc.asyncProperty(attributes, data, async (given, payload) => {
      const headers = Object.entries({ specversion: '1.0', ...given }).map(([name, value]) => [`ce-${name}`, value]);
      const { status } = await request(app)
        .post('/')
        .set({ ...(Object.fromEntries(headers) as Record<string, string>), 'Content-Type': 'application/json' })
        .send(JSON.stringify(payload));
      assert.equal(status, 204);
      assert.deepEqual(lastOf(events), { ...given, data: payload });
    }),
    { numRuns: 60 },
  );
});

test('whatever comes, it is an event or it is refused; a part of an event is refused', async () => {
  const contentTypes = fc.constantFrom(
    'application/cloudevents+json',
    'application/cloudevents+json; charset=utf-8',
    'application/cloudevents-batch+json',
    'application/json',
    'text/plain',
  );
  const whole = JSON.stringify({ specversion: '1.0', id: 'i', type: 't', source: '/s', data: {} });
  const bodies = fc.oneof(
    fc.json(),
    fc.string({ unit: 'binary' }),
    fc.nat({ max: whole.length - 1 }).map((length) => whole.slice(0, length)),
  );
  const heads = fc.dictionary(
    fc.constantFrom('ce-id', 'ce-type', 'ce-source', 'ce-time', 'ce-data', 'ce-datacontenttype'),
    visible,
    { noNullPrototype: true },
  );
  await fc.assert(
    fc.asyncProperty(contentTypes, bodies, heads, async (contentType, body, headers) => {
      const { status } = await request(app)
        .post('/')
        .set({ ...headers, 'Content-Type': contentType })
        .send(Buffer.from(body));
      assert.ok(status === 204 || status === 400, String(status));
      assert.equal(events.length, status === 204 ? 1 : 0);
      const event = events.pop();
      if (event === undefined) return;
      for (const name of ['id', 'type', 'source', 'specversion'] as const) assert.ok(event[name].length > 0);
    }),
    { numRuns: 150 },
  );
});
