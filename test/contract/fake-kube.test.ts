/**
 * What the API server in memory promises to unit tests and to the simulation is what a real one does with our CRDs: the
 * same calls, the same answers. Names, uids and versions differ, so answers are compared by what a caller decides from.
 */
import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { requestError } from '../../functions/domain/request-error.ts';
import type { Kube } from '../../functions/platform/kubernetes/client.ts';
import { aBackup, aManager, slot } from '../support/situations/objects.ts';
import { serveKinds, type ServedKinds } from '../support/definitions.ts';
import { createFakeKube } from '../support/fake-kube.ts';

const managers = '/apis/aidbox.pg/v01/namespaces/shop/pgmanagers';
const backups = '/apis/aidbox.pg/v01/namespaces/shop/pgbackups';
let served: ServedKinds;

before(async () => {
  served = await serveKinds(mkdtempSync(join(tmpdir(), 'aidboxops-fake-kube-')), ['shop']);
});

after(() => (served as ServedKinds | undefined)?.close());

/** What a caller can tell from a call: its value without what is chance, or the kind of its failure. */
async function told(call: Promise<unknown>): Promise<unknown> {
  try {
    return plain(await call);
  } catch (error) {
    if (!requestError.is(error)) throw error;
    return `${error.status} ${error.reason}`;
  }
}

function plain(value: unknown): unknown {
  const { metadata, status } = (value ?? {}) as { metadata?: { name: string }; status?: object };
  return metadata === undefined ? value : { name: metadata.name, status };
}

/** An object as a person would apply it. */
function fresh(object: Record<string, unknown>): object {
  const { name, namespace, labels } = object['metadata'] as Record<string, unknown>;
  return { ...object, metadata: { name, namespace, ...(labels === undefined ? {} : { labels }) } };
}

interface Meta {
  readonly metadata: { readonly uid: string; readonly resourceVersion: string };
}

async function meta(kube: Kube, path: string): Promise<Meta['metadata']> {
  return ((await kube.get(path)) as Meta).metadata;
}

function status(
  kube: Kube,
  path: string,
  given: { status: object; manager?: string; metadata?: object },
): Promise<unknown> {
  const kind = path.startsWith(managers) ? 'PgManager' : 'PgBackup';
  const metadata = { name: path.split('/').at(-1), namespace: 'shop', ...given.metadata };
  const object = { apiVersion: 'aidbox.pg/v01', kind, metadata, status: given.status };
  return kube.apply(path, object, { fieldManager: given.manager ?? 'one', force: true, subresource: 'status' });
}

async function names(kube: Kube, path: string, selection: object): Promise<unknown> {
  const { items } = await kube.list(path, selection);
  return items.map((item) => (item as { metadata: { name: string } }).metadata.name);
}

const schedule = { at: '06:00:00', suspended: false, since: '2022-01-02T06:00:00Z' };
const a = `${managers}/a`;
const b = `${backups}/b`;

/** In this order, on both; each gives what is compared. */
const script: readonly (readonly [name: string, step: (kube: Kube) => Promise<unknown>])[] = [
  ['what is not there is undefined', (kube) => kube.get(a)],
  ['an object is created', (kube) => kube.create(managers, fresh(aManager('a').object()))],
  ['a name is taken once', (kube) => kube.create(managers, fresh(aManager('a').object()))],
  ['status of what is not there', (kube) => status(kube, `${managers}/gone`, { status: { schedule } })],
  ['a status is applied', (kube) => status(kube, a, { status: { schedule: { ...schedule, message: 'm' } } })],
  ['an atomic block is replaced whole', (kube) => status(kube, a, { status: { schedule } })],
  [
    'by another writer too',
    (kube) => status(kube, a, { status: { schedule: { ...schedule, at: 'x' } }, manager: 'two' }),
  ],
  [
    'two writers have a block each',
    async (kube) => {
      await status(kube, a, { status: { conditions: { backup: { status: 'ok' } } }, manager: 'three' });
      return status(kube, a, { status: { conditions: { storage: { status: 'ok' } } }, manager: 'four' });
    },
  ],
  [
    'an apply that changes nothing makes no new version',
    async (kube) => {
      const { resourceVersion } = await meta(kube, a);
      await status(kube, a, { status: { conditions: { storage: { status: 'ok' } } }, manager: 'four' });
      return (await meta(kube, a)).resourceVersion === resourceVersion;
    },
  ],
  ['an older version', (kube) => status(kube, a, { status: { schedule }, metadata: { resourceVersion: '1' } })],
  [
    'the present version',
    async (kube) => {
      const { resourceVersion } = await meta(kube, a);
      return status(kube, a, { status: { schedule }, metadata: { resourceVersion } });
    },
  ],
  ['a namesake', (kube) => status(kube, a, { status: { schedule }, metadata: { uid: 'another' } })],
  [
    'a PgBackup runs',
    async (kube) => {
      await kube.create(backups, fresh(aBackup('b').labels({ 'aidbox.pg/manager': 'a' }).object()));
      return status(kube, b, { status: { state: 'running', message: 'm' } });
    },
  ],
  ['a field left out by its writer goes', (kube) => status(kube, b, { status: { state: 'running' } })],
  ['it ends', (kube) => status(kube, b, { status: { state: 'success', finishTime: '2022-01-02T06:00:00Z' } })],
  ['its outcome never changes', (kube) => status(kube, b, { status: { state: 'running' } })],
  [
    'its announcement may',
    (kube) =>
      status(kube, b, { status: { state: 'success', finishTime: '2022-01-02T06:00:00Z', announced: 'success' } }),
  ],
  [
    'more of them',
    async (kube) => {
      for (const name of ['c', 'd', 'e']) await kube.create(backups, fresh(aBackup(name).object()));
      await kube.create(backups, fresh(aBackup('f').of('other').object()));
      await status(kube, `${backups}/c`, { status: { state: 'pending' } });
    },
  ],
  ['all', (kube) => names(kube, backups, {})],
  ['by StatefulSet', (kube) => names(kube, backups, { fieldSelector: 'spec.selector.name=other' })],
  [
    'what is not announced as finished',
    (kube) => names(kube, backups, { fieldSelector: 'status.announced!=success,status.announced!=error' }),
  ],
  [
    'what is unfinished, of one StatefulSet',
    (kube) =>
      names(kube, backups, { fieldSelector: 'spec.selector.name=postgres,status.state!=success,status.state!=error' }),
  ],
  ['by label', (kube) => names(kube, backups, { labelSelector: 'aidbox.pg/manager=a' })],
  ['in all namespaces', (kube) => names(kube, '/apis/aidbox.pg/v01/pgbackups', {})],
  [
    'page by page',
    async (kube) => {
      const first = await kube.list(backups, { limit: 3 });
      const second = await kube.list(backups, { limit: 3, continue: first.continue });
      return [first.items.length, first.continue !== undefined, second.items.length, second.continue];
    },
  ],
  ['a namesake is not removed', (kube) => kube.remove(b, '00000000-0000-4000-8000-000000000000')],
  ['this one is', async (kube) => kube.remove(b, (await meta(kube, b)).uid)],
  ['what is gone is gone', (kube) => kube.remove(b)],
  ['there is a clock', async (kube) => Promise.resolve(kube.serverTime() !== undefined)],
];

test('the API server in memory answers as a real one', async (context) => {
  const fake = createFakeKube(slot);
  for (const [name, step] of script) {
    const want = await told(step(served.kube));
    const got = await told(step(fake));
    await context.test(name, () => assert.deepEqual(got, want));
  }
});
