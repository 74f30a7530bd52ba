import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HTTP, type CloudEvent } from 'cloudevents';
import { fromMessage, makeEvent, summaryOf, toMessage, withAttributes } from '../../../../local/knative/core/events.ts';

const binary = { 'ce-specversion': '1.0', 'ce-id': '1', 'ce-type': 't', 'ce-source': '/a' };
const structured = { 'content-type': 'application/cloudevents+json; charset=utf-8' };
const base = { specversion: '1.0', id: '1', type: 't', source: '/a' };

test('binary mode: data and attributes pass unchanged, whatever they are', () => {
  const body = Buffer.from([0, 1, 255]);
  const event = fromMessage({ ...binary, 'ce-subject': 'a%20b', 'content-type': 'application/json' }, body);
  assert.deepEqual(toMessage(event), {
    headers: { ...binary, 'ce-subject': 'a%20b', 'content-type': 'application/json' },
    body,
  });
});

const bodies: readonly { name: string; event: object; want: { contentType: string | undefined; data: string } }[] = [
  { name: 'JSON', event: { data: { a: 1 } }, want: { contentType: 'application/json', data: '{"a":1}' } },
  {
    name: 'text',
    event: { datacontenttype: 'text/plain', data: 'hi' },
    want: { contentType: 'text/plain', data: 'hi' },
  },
  {
    name: 'text as JSON',
    event: { datacontenttype: 'application/json', data: 'hi' },
    want: { contentType: 'application/json', data: '"hi"' },
  },
  { name: 'bytes', event: { datacontenttype: 'x/y', data_base64: 'aGk=' }, want: { contentType: 'x/y', data: 'hi' } },
  { name: 'none', event: {}, want: { contentType: undefined, data: '' } },
];

for (const { name, event, want } of bodies) {
  test(`structured mode: ${name}`, () => {
    const read = fromMessage(structured, Buffer.from(JSON.stringify({ ...base, number: 5, ...event })));
    assert.deepEqual({ contentType: read.contentType, data: read.data.toString() }, want);
    assert.deepEqual(summaryOf(read), {
      id: '1',
      type: 't',
      source: '/a',
      subject: undefined,
      extensions: { number: '5' },
    });
  });
}

const refused: readonly { name: string; headers: Record<string, string>; body?: string }[] = [
  { name: 'no CloudEvent', headers: { 'content-type': 'application/json' }, body: '{}' },
  { name: 'no source', headers: { 'ce-specversion': '1.0', 'ce-id': '1', 'ce-type': 't' } },
  { name: 'a bad extension name', headers: { ...binary, 'ce-bad_name': 'x' } },
  { name: 'a batch', headers: { 'content-type': 'application/cloudevents-batch+json' }, body: '[]' },
  { name: 'structured without a source', headers: structured, body: '{"specversion":"1.0","id":"1","type":"t"}' },
  { name: 'structured and no JSON', headers: structured, body: 'nope' },
];

for (const { name, headers, body = '' } of refused) {
  test(`refused: ${name}`, () => assert.throws(() => fromMessage(headers, Buffer.from(body))));
}

test('a new event is one that the SDK of the functions understands', () => {
  const event = makeEvent(
    {
      type: 't',
      source: '/a',
      subject: '/a b',
      extensions: { pgname: 'm' },
      contentType: 'application/json',
      data: Buffer.from('{"a":1}'),
    },
    new Date('2022-01-02T06:00:00Z'),
  );
  const { headers, body } = toMessage(event);
  const read = HTTP.toEvent<{ a: number }>({ headers, body: body.toString() }) as CloudEvent<{ a: number }>;
  read.validate();
  assert.deepEqual(
    { type: read.type, time: read.time, subject: read.subject, pgname: read['pgname'], data: read.data },
    { type: 't', time: '2022-01-02T06:00:00.000Z', subject: '/a b', pgname: 'm', data: { a: 1 } },
  );
});

test('attributes are UTF-8 on the wire, as sdk-go sends them, and stay what they are on their way', () => {
  const event = makeEvent({ type: 't', source: '/a', extensions: { x: 'é "%" 🐘', y: 'a\nb' }, data: Buffer.alloc(0) });
  const { headers, body } = toMessage(event);
  assert.deepEqual(Buffer.from(headers['ce-x'] ?? '', 'latin1'), Buffer.from('é "%" 🐘'));
  assert.deepEqual(summaryOf(fromMessage(headers, body)).extensions, { x: 'é "%" 🐘', y: 'a%0Ab' });
  assert.deepEqual(toMessage(fromMessage(headers, body)).headers, headers);
});

test('attributes are changed and removed in a copy', () => {
  const event = makeEvent({ type: 't', source: '/a', extensions: { x: '1', y: '2' }, data: Buffer.alloc(0) });
  const changed = withAttributes(event, { x: undefined, y: '3', z: '4' });
  assert.deepEqual(summaryOf(changed).extensions, { y: '3', z: '4' });
  assert.deepEqual(summaryOf(event).extensions, { x: '1', y: '2' });
});
