/**
 * Walks over a large installation on a real API server: whatever is made or deleted between two pages, every object that
 * stays is met once; when the history is gone that a page would be read from, the walk begins again.
 */
import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { eventType } from '../../functions/domain/events/cloud-event.ts';
import { requestError } from '../../functions/domain/request-error.ts';
import { pageTokenOf, type PageToken } from '../../functions/domain/events/event-target.ts';
import { path } from '../../functions/domain/resources/api-paths.ts';
import type { PgManager } from '../../functions/domain/resources/pg-manager.ts';
import type { Effects } from '../../functions/platform/reconcile/apply.ts';
import { listAll } from '../../functions/platform/kubernetes/list.ts';
import { beginPaging, continuePaging, type Paging } from '../../functions/platform/reconcile/paging.ts';
import type { Outcome } from '../../functions/platform/reconcile/reconcile.ts';
import { sweepPaging } from '../../functions/schedule/sweep.ts';
import { probePaging } from '../../functions/storage/probe-page.ts';
import { serveKinds, type ServedKinds } from '../support/definitions.ts';
import { createFakeLog, createFakeRunner, createFakeSink, type FakeSink } from '../support/effects.ts';
import { eventually } from '../support/eventually.ts';

const namespaces = ['alpha', 'beta', 'gamma', 'delta', 'omega'];
const managersEach = 1000;
const backupsEach = 90;
/** Of the PgBackups of a namespace, so many are over and announced: a sweep has nothing to do with them. */
const announcedEach = 10;
const done: Outcome = { outcome: 'done', reason: 'Met', message: 'met by this test' };

let served: ServedKinds;
/** The second page of a walk whose history is gone. */
let stale: PageToken;

before(async () => {
  served = await serveKinds(mkdtempSync(join(tmpdir(), 'aidboxops-paging-')), namespaces);
  const [first, ...others] = namespaces.map((namespace) => numbered(managersEach).map((n) => ({ namespace, n })));
  await forEach(first ?? [], ({ namespace, n }) => makeManager(namespace, `m-${n}`));
  const { effects, walk } = sweep();
  await beginPaging(walk, 'tick');
  stale = pagesOf(effects.sink)[0]!;
  // Now, because the API server takes up to 15 s to notice: the walks of the tests begin after it.
  await served.server.compact();
  await forEach(others.flat(), ({ namespace, n }) => makeManager(namespace, `m-${n}`));
  const backups = namespaces.flatMap((namespace) => numbered(backupsEach).map((n) => ({ namespace, n })));
  await forEach(backups, ({ namespace, n }) => makeBackup(namespace, n));
});

after(() => (served as ServedKinds | undefined)?.close());

test('a sweep meets each of 5 000 PgManagers once, and each unannounced PgBackup', async () => {
  const { effects, met, walk } = sweep();
  await walked(walk, effects.sink);
  assert.deepEqual(met.toSorted(), everyManager());
  const hinted = effects.sink.posted
    .filter(({ type }) => type === eventType.reconcileRequested)
    .map(({ subject }) => subject);
  const unannounced = namespaces.flatMap((namespace) =>
    numbered(backupsEach)
      .slice(announcedEach)
      .map((n) => `pgbackup/${namespace}/b-${n}`),
  );
  assert.deepEqual(hinted.toSorted(), unannounced.toSorted());
});

test('a probe looks once for each of them, and only in its own namespace where it has one', async () => {
  const everywhere = probe('');
  await walked(everywhere.walk, everywhere.effects.sink);
  assert.deepEqual(everywhere.met.toSorted(), everyManager());
  const one = probe('gamma');
  await walked(one.walk, one.effects.sink);
  assert.deepEqual(
    one.met.toSorted(),
    everyManager().filter((name) => name.startsWith('gamma/')),
  );
});

test('a list that is wanted whole is whole', async () => {
  const items = await listAll(served.kube, path.managers(''), {});
  assert.deepEqual(items.map(nameOf).toSorted(), everyManager());
});

test('made and deleted between pages: who stays is met once, who came is met by the next walk', async () => {
  const made: string[] = [];
  const deleted: string[] = [];
  /** Next to what a page has just ended with: where an offset would go wrong. */
  async function disturb(page: number, met: readonly string[]): Promise<void> {
    const last = met.at(-1) ?? '';
    const [namespace = '', name = ''] = last.split('/');
    const [before, after] = [`${name}-a`, `m-${String(Number(name.slice(2)) + 3).padStart(4, '0')}`];
    for (const fresh of [`k-${page}`, before, `z-${page}`]) {
      await makeManager(namespace, fresh);
      made.push(`${namespace}/${fresh}`);
    }
    for (const gone of [name, after]) {
      if ((await served.kube.remove(path.manager(namespace, gone))) === 'removed') deleted.push(`${namespace}/${gone}`);
    }
  }
  const { effects, met, walk } = sweep();
  await walked(walk, effects.sink, (page) => (page <= 25 ? disturb(page, met) : Promise.resolve()));
  assert.ok(deleted.length > 40 && made.length > 60, `${deleted.length} deleted, ${made.length} made`);
  assert.equal(new Set(met).size, met.length, 'nobody twice');
  const stayed = everyManager().filter((name) => !deleted.includes(name));
  assert.deepEqual(
    stayed.filter((name) => !met.includes(name)),
    [],
  );

  const next = sweep();
  await walked(next.walk, next.effects.sink);
  assert.deepEqual(next.met.toSorted(), [...stayed, ...made].sort());
});

test('H55 history compacted between two pages: the walk begins again and meets everyone; expired twice, it ends', async () => {
  await expired(stale);
  const { effects, met, walk } = sweep();
  assert.equal((await continuePaging(walk, stale)).reason, 'ListExpired');
  assert.deepEqual(met, []);
  const [again] = pagesOf(effects.sink);
  assert.deepEqual(again, { ...stale, tick: 'tick+', page: 1, continue: '' });
  await carriedOn(walk, effects.sink, again);
  const all = (await listAll(served.kube, path.managers(''), {})).map(nameOf);
  assert.deepEqual(met.toSorted(), all.toSorted());

  effects.sink.posted.length = 0;
  assert.equal((await continuePaging(walk, { ...stale, tick: 'tick+' })).reason, 'ListExpired');
  assert.deepEqual(effects.sink.posted, []);
});

interface Walking {
  readonly effects: Effects & { readonly sink: FakeSink };
  /** `namespace/name` of each manager that was handled, in this order. */
  readonly met: string[];
  readonly walk: Paging;
}

function sweep(): Walking {
  return walking((effects, meet) =>
    sweepPaging(effects, '', (manager) => {
      meet(manager);
      return Promise.resolve(done);
    }),
  );
}

function probe(scope: string): Walking {
  return walking((effects, meet) =>
    probePaging(effects, scope, (_subject, managers) => {
      managers.forEach(meet);
      return Promise.resolve(done);
    }),
  );
}

function walking(make: (effects: Effects, meet: (manager: PgManager) => void) => Paging): Walking {
  const met: string[] = [];
  const effects = { kube: served.kube, sink: createFakeSink(), runner: createFakeRunner(), log: createFakeLog() };
  return { effects, met, walk: make(effects, (manager) => met.push(nameOf(manager))) };
}

/** A whole walk; `between` happens after each page, before the next is asked for. */
async function walked(walk: Paging, sink: FakeSink, between?: (page: number) => Promise<void>): Promise<void> {
  assert.equal((await beginPaging(walk, 'tick')).reason, 'PageDone');
  await between?.(1);
  await carriedOn(walk, sink, pagesOf(sink)[0], between);
}

/** Goes on as the Broker does: every page event that is posted comes back as the next activation. */
async function carriedOn(
  walk: Paging,
  sink: FakeSink,
  first: PageToken | undefined,
  between?: (page: number) => Promise<void>,
): Promise<void> {
  for (let hint = first; hint !== undefined; [hint] = pagesOf(sink)) {
    assert.equal((await continuePaging(walk, hint)).reason, 'PageDone');
    await between?.(hint.page);
  }
}

/** The page events that were posted and not taken yet. */
function pagesOf(sink: FakeSink): PageToken[] {
  const pages = sink.posted.filter((event) => pageTokenOf(event) !== undefined);
  const others = sink.posted.filter((event) => !pages.includes(event));
  sink.posted.splice(0, sink.posted.length, ...others);
  return pages.map((event) => pageTokenOf(event)!);
}

/** Waits until the API server has noticed that etcd knows nothing of that time any more. */
function expired(hint: PageToken): Promise<true> {
  return eventually('the list token has expired', async () => {
    try {
      await served.kube.list(path.managers(''), { limit: 1, continue: hint.continue });
      return undefined;
    } catch (error) {
      if (requestError.isGone(error)) return true;
      throw error;
    }
  });
}

function makeManager(namespace: string, name: string): Promise<unknown> {
  const spec = { selector: { name }, backup: { numberToRetain: 1, at: '06:00:00' } };
  return served.kube.create(path.managers(namespace), object('PgManager', { namespace, name }, spec));
}

async function makeBackup(namespace: string, n: string): Promise<void> {
  const metadata = { namespace, name: `b-${n}` };
  await served.kube.create(path.backups(namespace), object('PgBackup', metadata, { selector: { name: `of-${n}` } }));
  if (Number(n) >= announcedEach) return;
  const status = { state: 'success', finishTime: '2022-01-02T06:00:00Z', announced: 'success' };
  await served.kube.apply(
    path.backup(namespace, metadata.name),
    { apiVersion: 'aidbox.pg/v01', kind: 'PgBackup', metadata, status },
    { fieldManager: 'test', subresource: 'status' },
  );
}

function object(kind: string, metadata: object, spec: object): object {
  return { apiVersion: 'aidbox.pg/v01', kind, metadata, spec };
}

/** Before any test has made or deleted one. */
function everyManager(): string[] {
  return namespaces.flatMap((namespace) => numbered(managersEach).map((n) => `${namespace}/m-${n}`)).sort();
}

/** `0000`, `0001` …: names in the order in which the API server lists them. */
function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, n) => String(n).padStart(4, '0'));
}

function nameOf(item: unknown): string {
  const { namespace, name } = (item as { metadata: { namespace: string; name: string } }).metadata;
  return `${namespace}/${name}`;
}

/** As many at once as keep the client's few connections busy. */
async function forEach<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const queue = items.values();
  async function take(): Promise<void> {
    for (const item of queue) await work(item);
  }
  await Promise.all(Array.from({ length: 8 }, take));
}
