/** Our own CloudEvents over HTTP, against a real server. */
import assert from 'node:assert/strict';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { OwnEvent } from '../../../../functions/domain/events/cloud-event.ts';
import { createSink } from '../../../../functions/platform/http/sink.ts';
import { slot } from '../../../support/situations/objects.ts';
import { bodyOf } from '../../../support/https-server.ts';

interface Broker {
  readonly url: string;
  readonly got: { url: string | undefined; headers: IncomingHttpHeaders; body: string; from: number | undefined }[];
  close(): Promise<void>;
}

async function broker(status: number, text = ''): Promise<Broker> {
  const got: Broker['got'] = [];
  const server: Server = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      got.push({ url: request.url, headers: request.headers, body, from: request.socket.remotePort });
      response.writeHead(status).end(text);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/aidboxops/aidboxops?a=b`,
    got,
    close: () => new Promise((resolve) => void server.close(() => resolve())),
  };
}

const event: OwnEvent = {
  type: 'pg.aidbox.look.v1',
  source: '/apis/aidbox.pg/v01/namespaces/shop/pgmanagers/pg-manager',
  id: 'tick-1/backup/uid',
  subject: 'pgmanager/shop/pg-manager',
  time: slot,
  extensions: { pgpurpose: 'backup' },
  data: { namespace: 'shop', name: 'größer' },
};

test('an event goes out in binary mode, with its attributes and extensions, over one connection', async () => {
  const to = await broker(202);
  const sink = createSink(to.url);
  await sink.post(event);
  await sink.post({ ...event, id: 'second' });
  sink.close();
  await to.close();
  const [first, second] = to.got;
  assert.equal(first?.url, '/aidboxops/aidboxops?a=b');
  const shown = ['ce-specversion', 'ce-type', 'ce-source', 'ce-id', 'ce-subject', 'ce-time', 'ce-pgpurpose'];
  assert.deepEqual(
    shown.map((name) => first?.headers[name]),
    ['1.0', event.type, event.source, event.id, event.subject, '2022-01-02T06:00:00.000Z', 'backup'],
  );
  assert.match(first?.headers['content-type'] ?? '', /^application\/json/);
  assert.deepEqual(JSON.parse(first?.body ?? ''), event.data);
  assert.equal(first?.from, second?.from);
});

for (const status of [400, 404, 500, 503]) {
  test(`an answer of ${status} is a Failure`, async () => {
    const to = await broker(status, 'not now');
    const sink = createSink(to.url);
    await assert.rejects(sink.post(event), { name: 'Failure', status, reason: 'SinkRefused', message: /not now/ });
    sink.close();
    await to.close();
  });
}

test('nobody listening is a Failure', async () => {
  const to = await broker(202);
  await to.close();
  await assert.rejects(createSink(to.url).post(event), { name: 'Failure', status: 0 });
});

test('without K_SINK every post fails and says why', async () => {
  for (const url of [undefined, '']) {
    const sink = createSink(url);
    await assert.rejects(sink.post(event), { reason: 'NoSink', message: /is the SinkBinding ready/ });
    sink.close();
  }
});
