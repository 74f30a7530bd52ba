/**
 * The stand-ins for the sources of Knative against Knative's own adapters, side by side on one API server: the same
 * objects, the same sink, and what it got from each.
 *
 * Not shown here: what Knative's webhooks refuse (the adapter itself would take `@every`) and what its controllers do
 * (Deployments of adapters, readiness). The webhooks need an API server that reaches Services.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { ApiServerSource } from '../../local/knative/core/objects.ts';
import { eventually } from '../support/eventually.ts';
import { senders, type Adapter, type Attempt, type Sender } from './knative-adapters.ts';
import { formOf, openSides, type Form, type Manifest, type Sides } from './knative-sides.ts';

type Labels = Readonly<Record<string, string>>;

/** Attempts of a sender that tries an answer again: the first and five more. */
const all = 6;

/** Headers that say how and not what. */
const transport = new Set(['accept-encoding', 'connection', 'content-length', 'content-type', 'host', 'user-agent']);

let sides: Sides;
before(async () => {
  sides = await openSides('knative', answerTo);
});
after(async () => {
  await (sides as Sides | undefined)?.close();
});

describe('ApiServerSource', () => {
  let whole: Adapter;
  before(async () => {
    whole = await sides.bothWatch(wholeObjects('whole'));
    await untilBothWatch('/whole', (n) => pgBackup('poke', 'side', { n }));
  });

  test('whole objects of two kinds in all namespaces: add, update, delete', async () => {
    const held = { finalizers: ['tests.example.com/hold'] };
    await sides.put(pgManager('m', { step: '1' }));
    await sides.put(pgManager('m', { step: '2' }));
    await sides.remove(pgManager('m'));
    await sides.put(pgBackup('b', 'side', {}, held));
    await sides.put(pgBackup('b', 'side', { step: '1' }, held));
    await sides.put(pgBackup('b', 'side', { step: '1' }, held));
    await sides.putStatus(pgBackup('b', 'side'), { message: 'about "quotes", % <&> and ü' });
    await sides.remove(pgBackup('b', 'side'));
    await sides.put(pgBackup('b', 'side', { step: '1' }, { finalizers: [] }));
    await sides.put(pgBackup('far', 'other'));
    for (const last of [pgManager('last'), pgBackup('last', 'side')]) await sides.put(last);
    await sides.fromBoth('/whole', named('last'), 2);

    const heard = sides.compare('/whole', isOfTest);
    assert.deepEqual(heard.map(summary), [
      ...['add b', 'update b', 'update b', 'update b', 'delete b', 'add far'].map((text) => `PgBackup ${text}`),
      ...['add m', 'update m', 'delete m'].map((text) => `PgManager ${text}`),
    ]);
    assert.deepEqual(heard[0]?.attributes, {
      'ce-specversion': '1.0',
      'ce-type': 'dev.knative.apiserver.resource.add',
      'ce-source': sides.cluster.environment.apiServerUrl,
      'ce-subject': '/apis/aidbox.pg/v01/namespaces/side/pgbackups/b',
      'ce-kind': 'PgBackup',
      'ce-apiversion': 'aidbox.pg/v01',
      'ce-name': 'b',
      'ce-namespace': 'side',
      'ce-pgsource': 'whole',
    });
    assert.equal(heard[0]?.contentType, 'application/json');
  });

  test('of the headers beside the event, the stand-in leaves out the one that names the namespace of the source', () => {
    const headers = senders.map((sender) => {
      const attempt = sides.sentBy(sender, '/whole').find(isOfTest);
      return Object.keys(attempt?.headers ?? {}).filter((name) => !name.startsWith('ce-') && !transport.has(name));
    });
    assert.deepEqual(headers, [['kn-namespace'], []]);
  });

  test('references, a label selector, only its own namespace', async () => {
    const resources = [{ apiVersion: 'v1', kind: 'ConfigMap', selector: { matchLabels: { wanted: 'yes' } } }];
    await sides.bothWatch(source('reference', 'side', { resources }));
    await untilBothWatch('/reference', (n) => configMap('poke', 'side', { wanted: 'yes', n }));
    await sides.put(configMap('first', 'side', { wanted: 'yes' }));
    await sides.put(configMap('second', 'side'));
    await sides.put(configMap('second', 'side', { wanted: 'yes' }));
    await sides.put(configMap('second', 'other', { wanted: 'yes' }));
    await sides.put(configMap('first', 'side', { wanted: 'no' }));
    await sides.put(configMap('second', 'side', { wanted: 'yes', more: 'x' }));
    await sides.remove(configMap('second', 'side'));
    await sides.put(configMap('last', 'side', { wanted: 'yes' }));
    await sides.fromBoth('/reference', named('last'));

    const heard = sides.compare('/reference', isOfTest);
    assert.deepEqual(
      heard.map(summary),
      ['add first', 'add second', 'delete first', 'update second', 'delete second'].map((text) => `ConfigMap ${text}`),
    );
    assert.equal(heard[0]?.attributes['ce-type'], 'dev.knative.apiserver.ref.add');
    assert.equal(heard[0]?.attributes['ce-subject'], '/apis/v1/namespaces/side/configmaps/first');
    assert.deepEqual(heard[0]?.data, { apiVersion: 'v1', kind: 'ConfigMap', name: 'first', namespace: 'side' });
  });

  test('a new start tells neither of what is there nor of what happened meanwhile', async () => {
    await sides.put(pgBackup('quiet', 'side'));
    await sides.put(pgBackup('gone', 'side'));
    await sides.fromBoth('/whole', named('gone'));
    await whole.stop();
    await sides.put(pgBackup('quiet', 'side', { changed: 'meanwhile' }));
    await sides.put(pgBackup('unseen', 'side'));
    await sides.remove(pgBackup('gone', 'side'));
    await sides.bothWatch(wholeObjects('again'));
    await untilBothWatch('/again', (n) => pgBackup('poke', 'side', { again: n }));
    for (const sender of senders) {
      const names = sides.sentBy(sender, '/again').map(({ headers }) => headers['ce-name']);
      assert.deepEqual([...new Set(names)], ['poke'], sender);
    }
  });

  test('answers: which are tried again, how often, after which pauses, and what waits behind them', async () => {
    const want = [...[503, 503, 503, 503, 503, 503, 500], ...[404, 404, 404, 404, 404, 404, 409, 204]].map(
      (status) => `answers-${status}`,
    );
    for (const name of new Set(want)) await sides.put(pgBackup(name, 'side'));
    await sides.put(pgBackup('last-answer', 'side'));
    await sides.fromBoth('/again', named('last-answer'));
    for (const sender of senders) {
      const attempts = sides.sentBy(sender, '/again').filter(isOfTest);
      assert.deepEqual(
        attempts.map(({ headers }) => headers['ce-name']),
        [...want, 'last-answer'],
        sender,
      );
      const again = attempts.filter(named('answers-503'));
      assert.equal(new Set(again.map(({ headers }) => headers['ce-id'])).size, 1, sender);
      const pauses = again.slice(1).map(({ at }, index) => at - (again[index]?.at ?? 0));
      // A timer may fire a little early, a busy machine late.
      for (const [index, pause] of pauses.entries())
        assert.ok(pause > 95 * 2 ** index, `${sender} ${pauses.join(' ')}`);
    }
    sides.compare('/again', isOfTest);
  });
});

describe('PingSource', () => {
  const hour = new Date().getUTCHours();
  const everyFiveSeconds = { schedule: `*/5 * ${hour},${(hour + 1) % 24} * * *`, timezone: 'UTC' };
  const extensions = { pgpurpose: 'slot', pgname: 'm' };
  const shapes: Readonly<Record<string, object>> = {
    json: { contentType: 'application/json', data: '{"a": 1}', ceOverrides: { extensions } },
    odd: { ceOverrides: { extensions: { odd: 'a "b" % c ü' } } },
    base64: { contentType: 'application/octet-stream', dataBase64: 'AP8=' },
    bare: { data: 'no content type' },
    empty: {},
  };

  test('seconds, UTC, data, overrides', async () => {
    const sources = Object.entries(shapes).map(([name, spec]) =>
      ping(name, `/ping/${name}`, { ...everyFiveSeconds, ...spec }),
    );
    for (const each of sources) await sides.put(each);
    for (const name of Object.keys(shapes)) await sides.fromBoth(`/ping/${name}`);
    for (const each of sources) await sides.remove(each);
    for (const name of Object.keys(shapes)) {
      const [theirs, ours] = senders.map((sender) => sides.sentBy(sender, `/ping/${name}`)[0]);
      assert.ok(theirs && ours);
      assert.deepEqual(formOf(ours), formOf(theirs), name);
      for (const { headers, sender } of [theirs, ours]) {
        // Up to half a second of jitter, and a busy machine.
        assert.ok(Date.parse(headers['ce-time'] ?? '') % 5000 < 4000, `${sender}: ${headers['ce-time']}`);
      }
    }
    const [json] = sides.sentBy('knative', '/ping/json');
    assert.ok(json);
    assert.deepEqual(formOf(json), {
      attributes: {
        'ce-specversion': '1.0',
        'ce-type': 'dev.knative.sources.ping',
        'ce-source': '/apis/v1/namespaces/side/pingsources/json',
        'ce-pgpurpose': 'slot',
        'ce-pgname': 'm',
      },
      contentType: 'application/json',
      data: { a: 1 },
    });
  });

  const final = [200, 202, 204, 400, 401, 403, 408, 409, 410, 500, 501];
  // 0 is a connection that breaks before an answer.
  const triedAgain = [0, 404, 413, 425, 429, 502, 503, 504];

  test('answers: which are tried again, and how often', async () => {
    const statuses = [...final, ...triedAgain];
    const sources = statuses.map((status) =>
      ping(`answers-${status}`, `/status/${status}`, { schedule: '* * * * * *', timezone: 'UTC' }),
    );
    for (const each of sources) await sides.put(each);
    for (const status of statuses) await sides.fromBoth(`/status/${status}`);
    for (const each of sources) await sides.remove(each);
    await eventually('the last retries', () =>
      triedAgain.every((status) => senders.every((sender) => counts(sender, status).every((n) => n >= all)))
        ? true
        : undefined,
    );
    for (const sender of senders) {
      for (const status of statuses) {
        const want = final.includes(status) ? 1 : all;
        assert.deepEqual([...new Set(counts(sender, status))], [want], `${sender} ${status}`);
      }
    }
  });

  /** Number of attempts of each event. */
  function counts(sender: Sender, status: number): number[] {
    const byId = Map.groupBy(sides.sentBy(sender, `/status/${status}`), ({ headers }) => headers['ce-id']);
    return [...byId.values()].map((attempts) => attempts.length);
  }
});

/** What the sink says: by path for ticks, by name for objects; all else is taken. */
function answerTo({ path, headers }: Attempt): number {
  const [, status] = /^\/status\/(\d+)$/.exec(path) ?? /^answers-(\d+)$/.exec(headers['ce-name'] ?? '') ?? [];
  return status === undefined ? 204 : Number(status);
}

function source(name: string, namespace: string, spec: object): ApiServerSource {
  return {
    apiVersion: 'sources.knative.dev/v1',
    kind: 'ApiServerSource',
    metadata: { name, namespace },
    spec: { serviceAccountName: 'watcher', sink: { uri: `${sides.sinkUrl}/${name}` }, ...spec },
  } as unknown as ApiServerSource;
}

/** As our own source has it, but into the recorder. */
function wholeObjects(name: string): ApiServerSource {
  return source(name, 'aidboxops', {
    serviceAccountName: 'apiserver-source',
    mode: 'Resource',
    resources: ['PgManager', 'PgBackup'].map((kind) => ({ apiVersion: 'aidbox.pg/v01', kind })),
    namespaceSelector: {},
    ceOverrides: { extensions: { pgsource: 'whole' } },
  });
}

function ping(name: string, path: string, spec: object): Manifest {
  return {
    apiVersion: 'sources.knative.dev/v1',
    kind: 'PingSource',
    metadata: { name, namespace: 'side' },
    spec: { sink: { uri: `${sides.sinkUrl}${path}` }, ...spec },
  };
}

function configMap(name: string, namespace: string, labels: Labels = {}): Manifest {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace, labels } };
}

function pgBackup(name: string, namespace: string, labels: Labels = {}, metadata: object = {}): Manifest {
  return {
    apiVersion: 'aidbox.pg/v01',
    kind: 'PgBackup',
    metadata: { name, namespace, labels, ...metadata },
    spec: { selector: { name: 'nothing' } },
  };
}

function pgManager(name: string, labels: Labels = {}): Manifest {
  return {
    apiVersion: 'aidbox.pg/v01',
    kind: 'PgManager',
    metadata: { name, namespace: 'side', labels },
    spec: { selector: { name: 'nothing' }, backup: { numberToRetain: 3, at: '06:00:00' } },
  };
}

/** Changes an object until both sides tell of it: of what was before its watch was up nobody hears. */
async function untilBothWatch(path: string, poke: (n: string) => Manifest): Promise<void> {
  let n = 0;
  await eventually(`watches for ${path}`, async () => {
    await sides.put(poke(String((n += 1))));
    return senders.every((sender) => sides.sentBy(sender, path).length > 0);
  });
}

function named(name: string): (attempt: Attempt) => boolean {
  return ({ headers }) => headers['ce-name'] === name;
}

/** Neither what is only there to see that the watches are up, nor to see that all has come. */
function isOfTest({ headers }: Attempt): boolean {
  return !['poke', 'last'].includes(headers['ce-name'] ?? '');
}

/** Such as `PgBackup add b`. */
function summary({ attributes }: Form): string {
  return `${attributes['ce-kind']} ${attributes['ce-type']?.split('.').at(-1)} ${attributes['ce-name']}`;
}
