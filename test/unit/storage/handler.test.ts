/** Events in, over HTTP: first looks and probe pages against an API server in memory. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Express } from 'express';
import { PgManager, type StorageCondition } from '../../../functions/domain/resources/pg-manager.ts';
import type { ProbeAnswer } from '../../../functions/domain/run/protocol.ts';
import { requestError } from '../../../functions/domain/request-error.ts';
import { createBackupHandler } from '../../../functions/backup/handler.ts';
import { createApp, type ReceivedEvent } from '../../../functions/platform/serve/server.ts';
import type { Runner } from '../../../functions/platform/run/runner.ts';
import type { RunnerResult } from '../../../functions/domain/run/observed-run.ts';
import { createStorageHandler } from '../../../functions/storage/handler.ts';
import { aBackup, aManager, slot } from '../../support/situations/objects.ts';
import { createFakeClock, createFakeEffects, type FakeClock, type FakeEffects } from '../../support/effects.ts';
import { createFakeKube, type FakeKube } from '../../support/fake-kube.ts';
import { added, send } from '../../support/http.ts';
import { database, executorOf, inspection } from '../../support/situations/pod.ts';
import { probed, writeFails } from '../../support/situations/storage.ts';

interface World {
  readonly effects: FakeEffects;
  readonly kube: FakeKube;
  readonly clock: FakeClock;
  readonly app: Express;
  /** Pods that were probed, in their order. */
  readonly probes: string[];
}

type Probe = (pod: string) => RunnerResult<ProbeAnswer>;

function world(
  objects: readonly object[],
  options: { probe?: Probe; scope?: string; runner?: Partial<Runner> } = {},
): World {
  const kube = createFakeKube(slot, ...objects);
  const probes: string[] = [];
  const { probe = () => seen(), scope = '', runner = {} } = options;
  const effects = createFakeEffects(kube, {
    probe: ({ namespace, pod }) => {
      probes.push(`${namespace}/${pod}`);
      return Promise.resolve(probe(`${namespace}/${pod}`));
    },
    ...runner,
  });
  const clock = createFakeClock();
  const routes = { '/': createStorageHandler(effects, clock, scope) };
  return { effects, kube, clock, app: createApp({ log: effects.log, clock, routes }), probes };
}

function seen(shape: Partial<ProbeAnswer> = {}): RunnerResult<ProbeAnswer> {
  return { ok: true, value: probed(shape) };
}

const tick = { type: 'dev.knative.sources.ping', id: 'tick-1', pgpurpose: 'probe', data: {} };

function storageOf({ kube }: World, name = 'pg-manager', namespace = 'shop'): StorageCondition | undefined {
  const object = kube.read(`/apis/aidbox.pg/v01/namespaces/${namespace}/pgmanagers/${name}`);
  return PgManager.parse(object).status.conditions.storage;
}

function storageWrites({ kube }: World): number {
  return kube.writes.filter(({ verb, path }) => verb === 'apply' && path.includes('/pgmanagers/')).length;
}

const now = '2022-01-02T06:00:00Z';

test('the first look at a new manager is shown and told at once', async () => {
  const manager = aManager().object();
  const at = world([manager, ...database()]);
  assert.equal(await send(at.app, added(manager)), 204);
  assert.deepEqual(storageOf(at), {
    state: 'available',
    status: 'ok',
    message: 'ok',
    since: now,
    failures: 0,
    announced: `available/${now}`,
  });
  assert.deepEqual(
    at.effects.sink.posted.map(({ type, id }) => [type, id]),
    [['pg.aidbox.storage.available.v1', `uid-pg-manager/storage/available/${now}`]],
  );
  assert.equal(at.kube.all('/api/v1/namespaces/shop/events').length, 1);
});

test('a wrong StatefulSet name is shown by the first look, with the names there are', async () => {
  const manager = aManager().of('postgresql').object();
  const at = world([manager, ...database()]);
  assert.equal(await send(at.app, added(manager)), 204);
  const { status, state, message = '' } = storageOf(at) ?? {};
  assert.deepEqual([status, state], ['error', 'unknown']);
  assert.match(message, /^NoPodAccess: namespace shop has no StatefulSet "postgresql" \(it has: postgres\)/);
  assert.deepEqual(at.probes, []);
});

test('an add event of a manager that was looked at before costs no probe', async () => {
  const manager = aManager().condition('storage', { state: 'available', status: 'ok', message: 'ok' }).object();
  const at = world([manager, ...database()]);
  assert.equal(await send(at.app, added(manager)), 204);
  assert.deepEqual([at.probes, at.kube.writes], [[], []]);
});

test('H48 failures in turn with successes never make it unavailable, and only changes are written', async () => {
  let turn = 0;
  const at = world([aManager().object(), ...database()], { probe: () => seen(turn++ % 2 === 0 ? {} : writeFails()) });
  for (let index = 0; index < 8; index += 1) {
    at.kube.now += 900;
    await send(at.app, { ...tick, id: `tick-${index}` });
    assert.equal(storageOf(at)?.state, 'available');
  }
  assert.equal(at.effects.sink.posted.filter(({ type }) => type.includes('storage')).length, 1);
});

test('H48 two failures in a row: unavailable once, told once, whatever follows', async () => {
  const at = world([aManager().object(), ...database()], { probe: () => seen(writeFails()) });
  for (let index = 0; index < 5; index += 1) {
    at.kube.now += 900;
    await send(at.app, { ...tick, id: `tick-${index}` });
  }
  assert.equal(storageOf(at)?.message, 'unavailable since 06:30Z: write check: "NoSuchBucket"');
  assert.deepEqual(
    at.effects.sink.posted.map(({ type }) => type),
    ['pg.aidbox.storage.unavailable.v1'],
  );
  assert.equal(storageWrites(at), 3, 'first failure, second failure, announced');
});

test('a quiet database is probed without a single write', async () => {
  const at = world([aManager().object(), ...database()]);
  await send(at.app, tick);
  at.kube.writes.length = 0;
  await send(at.app, { ...tick, id: 'tick-2' });
  assert.deepEqual(at.kube.writes, []);
});

test('H50 a sink that is down holds up nothing; afterwards the change is told', async () => {
  const at = world([aManager().object(), ...database()]);
  at.effects.sink.down = true;
  assert.equal(await send(at.app, added(aManager().object())), 503);
  assert.equal(storageOf(at)?.state, 'available');
  at.effects.sink.down = false;
  assert.equal(await send(at.app, tick), 204);
  assert.deepEqual(
    at.effects.sink.posted.map(({ id }) => id),
    [`uid-pg-manager/storage/available/${now}`],
  );
});

test('two looks at the same moment are not two failures', async () => {
  const manager = aManager().object();
  const bothLook = Promise.withResolvers<void>();
  let looks = 0;
  const at = world([manager, ...database()], {
    runner: {
      probe: async () => {
        looks += 1;
        if (looks === 2) bothLook.resolve();
        await bothLook.promise;
        return seen(writeFails());
      },
    },
  });
  await Promise.all([send(at.app, added(manager)), send(at.app, added(manager))]);
  assert.equal(looks, 2);
  assert.equal(storageOf(at)?.failures, 1);
});

test('a probe goes page by page: next page first, each database once, none left out', async () => {
  const managers = Array.from({ length: 120 }, (_, index) =>
    aManager(`m-${index}`)
      .of(`pg-${index % 119}`)
      .object(),
  );
  const sets = Array.from({ length: 119 }, (_, index) => database(`pg-${index}`)).flat();
  const at = world([...managers, ...sets]);
  assert.equal(await send(at.app, tick), 204);
  const seenPages: string[] = [];
  for (let index = 0; index < at.effects.sink.posted.length; index += 1) {
    const event = at.effects.sink.posted[index]!;
    if (event.type !== 'pg.aidbox.probe.page.v1') continue;
    seenPages.push(event.id);
    await send(at.app, { type: event.type, id: event.id, data: event.data });
  }
  assert.deepEqual(seenPages, ['tick-1/2', 'tick-1/3']);
  assert.equal(new Set(at.probes).size, 119);
  assert.ok(managers.every((_, index) => storageOf(at, `m-${index}`)?.state === 'available'));
});

test('managers of one selector are looked at once a page', async () => {
  const at = world([aManager('a').object(), aManager('b').object(), ...database()]);
  await send(at.app, tick);
  assert.deepEqual(at.probes, ['shop/postgres-0']);
  assert.deepEqual([storageOf(at, 'a')?.state, storageOf(at, 'b')?.state], ['available', 'available']);
});

test('at most 25 execs are open at once', async () => {
  let [open, most] = [0, 0];
  const managers = Array.from({ length: 50 }, (_, index) => aManager(`m-${index}`).of(`pg-${index}`).object());
  const sets = Array.from({ length: 50 }, (_, index) => database(`pg-${index}`)).flat();
  const at = world([...managers, ...sets], {
    runner: {
      probe: async () => {
        open += 1;
        most = Math.max(most, open);
        await new Promise((resolve) => setImmediate(resolve));
        open -= 1;
        return seen();
      },
    },
  });
  await send(at.app, tick);
  assert.equal(most, 25);
  assert.ok(managers.every((_, index) => storageOf(at, `m-${index}`)?.state === 'available'));
});

test('what cannot be looked at within the activation is left to the next probe', async () => {
  const managers = Array.from({ length: 30 }, (_, index) => aManager(`m-${index}`).of(`pg-${index}`).object());
  const sets = Array.from({ length: 30 }, (_, index) => database(`pg-${index}`)).flat();
  const at: World = world([...managers, ...sets], {
    runner: {
      probe: async () => {
        await new Promise((resolve) => setImmediate(resolve));
        at.clock.elapsed = 40_000;
        return { ok: false, problem: { kind: 'timeout', message: 'no answer from the container in time' } };
      },
    },
  });
  assert.equal(await send(at.app, tick), 204);
  const conditions = managers.map((_, index) => storageOf(at, `m-${index}`));
  assert.equal(conditions.filter((condition) => condition === undefined).length, 5);
  assert.equal(at.effects.log.lines.filter(({ message }) => message === 'Probe not done').length, 5);
});

test('one database that cannot be looked at does not stop its page', async () => {
  const at = world([aManager('a').in('bad').object(), aManager('b').object(), ...database()]);
  at.kube.refuse = (_verb, path) =>
    path.includes('/bad/statefulsets') ? requestError.of(500, 'InternalError', 'etcd is away') : undefined;
  assert.equal(await send(at.app, tick), 204);
  assert.equal(storageOf(at, 'b')?.state, 'available');
  assert.equal(storageOf(at, 'a', 'bad'), undefined);
});

test('an object that is not as its schema says is skipped, with a line in the log', async () => {
  const broken = { ...aManager('broken').object(), spec: {} };
  const at = world([broken, aManager().object(), ...database()]);
  await send(at.app, tick);
  assert.equal(storageOf(at)?.state, 'available');
  assert.ok(at.effects.log.lines.some(({ message }) => message.startsWith('Object skipped')));
});

test('with several pods the primary is asked', async () => {
  const at = world([aManager().object(), ...database('postgres', 3)], {
    runner: {
      inspect: ({ pod }) => Promise.resolve(inspection({ role: pod === 'postgres-1' ? 'primary' : 'standby' })),
    },
  });
  await send(at.app, tick);
  assert.deepEqual(at.probes, ['shop/postgres-1']);
});

test('with several pods of which none answers, the reason is shown and nothing more is tried', async () => {
  const at = world([aManager().object(), ...database('postgres', 2)], {
    runner: {
      inspect: () => Promise.resolve({ ok: false, problem: { kind: 'transient', message: 'connection refused' } }),
    },
  });
  await send(at.app, tick);
  assert.equal(storageOf(at)?.message, 'no answer from pod postgres-0: "connection refused"');
  assert.deepEqual(at.probes, []);
});

const backupHolder = { id: 'uid-gone', kind: 'backup' } as const;
const rotationHolder = { id: 'uid-gone-1', kind: 'rotation' } as const;

for (const [name, { holder, others, want }] of Object.entries({
  'H22 a run without PgBackup': { holder: backupHolder, others: [], want: true },
  'H22 a run whose PgBackup is finished': {
    holder: backupHolder,
    others: [aBackup().uid('uid-gone').succeeded(slot).object()],
    want: true,
  },
  'a run of an unfinished PgBackup': {
    holder: backupHolder,
    others: [aBackup().uid('uid-gone').status({ state: 'running' }).object()],
    want: false,
  },
  'a run of a PgBackup that has no status yet': {
    holder: backupHolder,
    others: [aBackup().uid('uid-gone').object()],
    want: false,
  },
  'a rotation of nobody': { holder: rotationHolder, others: [], want: true },
  'a holder that is none of our runs': { holder: 'unknown' as const, others: [], want: false },
})) {
  test(`${name} ${want ? 'is' : 'is not'} reported to the backup function`, async () => {
    const at = world([aManager().object(), ...database(), ...others], { probe: () => seen({ holder }) });
    assert.equal(await send(at.app, tick), 204);
    const hints = at.effects.sink.posted.filter(({ type }) => type === 'pg.aidbox.look.v1');
    assert.equal(hints.length, want ? 1 : 0);
  });
}

test('H22 what is reported makes the backup function stop the run, whatever became of its PgBackup', async () => {
  for (const others of [[], [aBackup().uid('uid-gone').succeeded(slot).announced().object()]]) {
    const stopped: string[] = [];
    const at = world([aManager().object(), ...database(), ...others], {
      probe: () => seen({ holder: backupHolder }),
      runner: {
        inspect: () => Promise.resolve(inspection({ holder: stopped.length === 0 ? backupHolder : undefined })),
        stop: (_pod, { id }) => {
          stopped.push(id);
          return Promise.resolve({ ok: true, value: { podTime: slot, state: 'signalled', tombstone: true } });
        },
      },
    });
    await send(at.app, tick);
    const hint = at.effects.sink.posted.find(({ type }) => type === 'pg.aidbox.look.v1');
    assert.ok(hint !== undefined);
    const backup = createBackupHandler(at.effects, at.clock, '');
    const outcome = await backup({ ...hint, specversion: '1.0' } as unknown as ReceivedEvent);
    assert.deepEqual([outcome.outcome, stopped], ['done', ['uid-gone']]);
  }
});

test('a rotation that a manager is running is not reported', async () => {
  const manager = aManager()
    .condition('rotation', { running: { id: 'uid-gone-1', startTime: now, executor: executorOf(slot, 3600) } })
    .object();
  const at = world([manager, ...database()], { probe: () => seen({ holder: rotationHolder }) });
  await send(at.app, tick);
  assert.deepEqual(
    at.effects.sink.posted.map(({ type }) => type),
    ['pg.aidbox.storage.available.v1'],
  );
});

test('H55 an expired list token begins the probe again, once', async () => {
  const at = world([aManager().object()]);
  at.kube.refuse = (verb) => (verb === 'list' ? requestError.of(410, 'Expired', 'too old') : undefined);
  const page = { tick: 'tick-1', page: 3, kind: 'PgManager', continue: 'x', started: now };
  assert.equal(await send(at.app, { type: 'pg.aidbox.probe.page.v1', data: page }), 204);
  assert.deepEqual(
    at.effects.sink.posted.map(({ id, data }) => [id, data]),
    [['tick-1+/1', { ...page, tick: 'tick-1+', page: 1, continue: '' }]],
  );
  await send(at.app, { type: 'pg.aidbox.probe.page.v1', data: { ...page, tick: 'tick-1+' } });
  assert.equal(at.effects.sink.posted.length, 1);
});

test('H50 H54 a page whose successor cannot be posted is handled, and has to come again', async () => {
  const managers = Array.from({ length: 51 }, (_, index) => aManager(`m-${index}`).object());
  const at = world([...managers, ...database()]);
  at.effects.sink.down = true;
  assert.equal(await send(at.app, tick), 503);
  assert.equal(at.probes.length, 1);
});

test('H63 a page that comes late is dropped', async () => {
  const at = world([aManager().object(), ...database()]);
  const page = { tick: 'tick-0', page: 2, kind: 'PgManager', continue: '', started: '2022-01-02T05:49:00Z' };
  assert.equal(await send(at.app, { type: 'pg.aidbox.probe.page.v1', data: page }), 204);
  assert.deepEqual([at.probes, at.effects.sink.posted], [[], []]);
});

for (const [name, data] of Object.entries({
  'an unknown manager': { namespace: 'shop', name: 'nobody' },
  'a huge name': { namespace: 'shop', name: 'x'.repeat(100_000) },
  'another kind': { kind: 'Secret', metadata: { name: 'pg-manager', namespace: 'shop' } },
  'another namespace': { namespace: 'elsewhere', name: 'pg-manager' },
  'a page of another kind': { tick: 't', page: 1, kind: 'PgBackup', continue: '', started: now },
  'no data': undefined,
  'a list': [1, 2, 3],
})) {
  test(`H64 ${name} leads nowhere`, async () => {
    const at = world([aManager().object(), aManager().in('elsewhere').object(), ...database()], { scope: 'shop' });
    assert.equal(await send(at.app, { type: 'dev.knative.apiserver.resource.add', data }), 204);
    assert.deepEqual([at.probes, at.kube.writes, at.effects.sink.posted], [[], [], []]);
  });
}

test('H35 a namespace that is being deleted is no reason to come again', async () => {
  const manager = aManager().object();
  const at = world([manager, ...database()]);
  at.kube.refuse = (verb) =>
    verb === 'create'
      ? requestError.of(
          403,
          'Forbidden',
          'forbidden: unable to create new content in namespace shop because it is being terminated',
        )
      : undefined;
  assert.equal(await send(at.app, added(manager)), 204);
});

test('a manager that is deleted while it is probed, or replaced by a namesake, gets nothing written', async () => {
  const manager = aManager().object();
  const at: World = world([manager, ...database()], {
    probe: () => {
      at.kube.put(aManager().uid('uid-namesake').object());
      return seen();
    },
  });
  assert.equal(await send(at.app, added(manager)), 204);
  assert.equal(storageOf(at), undefined);
});
