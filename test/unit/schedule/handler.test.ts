/** Events in, over HTTP: looks, sweep pages and dead letters against an API server in memory. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Express } from 'express';
import { requestError } from '../../../functions/domain/request-error.ts';
import { PgManager, type ScheduleStatus } from '../../../functions/domain/resources/pg-manager.ts';
import { rfc3339 } from '../../../functions/domain/time.ts';
import { createApp } from '../../../functions/platform/serve/server.ts';
import { createScheduleHandler } from '../../../functions/schedule/handler.ts';
import { createUndeliveredHandler } from '../../../functions/schedule/dead-letters.ts';
import { aBackup, aManager, slot } from '../../support/situations/objects.ts';
import { createFakeClock, createFakeEffects, type FakeEffects } from '../../support/effects.ts';
import { createFakeKube, type FakeKube } from '../../support/fake-kube.ts';
import { added, send } from '../../support/http.ts';

interface World {
  readonly effects: FakeEffects;
  readonly kube: FakeKube;
  readonly app: Express;
}

function world(now: number, objects: readonly object[], scope = ''): World {
  const kube = createFakeKube(now, ...objects);
  const effects = createFakeEffects(kube);
  const waiting = createFakeClock();
  // Waiting takes the API server's time along.
  const clock = {
    ...waiting,
    sleep: (milliseconds: number) => {
      kube.now += milliseconds / 1000;
      return waiting.sleep(milliseconds);
    },
  };
  const routes = {
    '/': createScheduleHandler(effects, clock, scope),
    '/undelivered': createUndeliveredHandler(effects),
  };
  return { effects, kube, app: createApp({ log: effects.log, clock, routes }) };
}

const managers = '/apis/aidbox.pg/v01/namespaces/shop/pgmanagers';
const backups = '/apis/aidbox.pg/v01/namespaces/shop/pgbackups';
const timers = '/apis/sources.knative.dev/v1/namespaces/shop/pingsources';
const name = 'pg-manager-backup-at-2022-01-02t06-00-00z';

const slotTick = {
  type: 'dev.knative.sources.ping',
  pgpurpose: 'slot',
  data: { namespace: 'shop', name: 'pg-manager' },
};
/** Anything but its own tick: whoever was woken by a timer does not look after it. */
const hint = { type: 'test', data: slotTick.data };
const sweepTick = { type: 'dev.knative.sources.ping', pgpurpose: 'sweep', id: 'tick-1', data: {} };

const settled: ScheduleStatus = {
  at: '06:00:00',
  suspended: false,
  since: '2022-01-01T06:00:00Z',
  nextSlot: '2022-01-02T06:00:00Z',
  message: 'waiting for the next slot',
};

function scheduleOf({ kube }: World, manager = 'pg-manager'): ScheduleStatus | undefined {
  return PgManager.parse(kube.read(`${managers}/${manager}`)).status.schedule;
}

function names(objects: readonly unknown[]): string[] {
  return objects.map((object) => (object as { metadata: { name: string } }).metadata.name);
}

function posted({ effects }: World, type: string): string[] {
  return effects.sink.posted.filter((event) => event.type === type).map(({ id }) => id);
}

test('a new manager gets its status and its timer, and after that a look writes nothing', async () => {
  const manager = aManager()
    .created(slot - 60)
    .object();
  const at = world(slot - 50, [manager]);
  assert.equal(await send(at.app, added(manager)), 204);
  assert.deepEqual(scheduleOf(at), { ...settled, since: '2022-01-02T05:59:00Z' });
  assert.deepEqual(names(at.kube.all(timers)), ['aidboxops-slot-uid-pg-manager']);
  at.kube.writes.length = 0;
  assert.equal(await send(at.app, added(manager)), 204);
  assert.deepEqual(at.kube.writes, []);
});

test('H58 an update that needs no work is dropped; one that needs work is reconciled', async () => {
  const manager = aManager().schedule(settled).object();
  const at = world(slot - 50, [manager]);
  let reads = 0;
  at.kube.refuse = (verb) => {
    reads += Number(verb === 'get');
    return undefined;
  };
  const updated = (object: object): Record<string, unknown> => ({
    ...added(object),
    type: 'dev.knative.apiserver.resource.update',
  });
  assert.equal(await send(at.app, updated(manager)), 204);
  assert.equal(reads, 0);
  const changed = aManager().schedule(settled).at('07:00:00').object();
  at.kube.put(changed);
  assert.equal(await send(at.app, updated(changed)), 204);
  assert.equal(scheduleOf(at)?.at, '07:00:00');
});

test('H9 the slot tick, four seconds early and then twice, makes one PgBackup, on its second', async () => {
  const at = world(slot - 4, [aManager().schedule(settled).object()]);
  assert.equal(await send(at.app, slotTick), 204);
  assert.equal(at.kube.now, slot, 'the early tick stayed for its slot');
  assert.deepEqual(names(at.kube.all(backups)), [name]);
  for (const now of [slot, slot + 1]) {
    at.kube.now = now;
    assert.equal(await send(at.app, slotTick), 204);
  }
  assert.equal(at.kube.writes.filter(({ verb, path }) => verb === 'create' && path === `${backups}/${name}`).length, 1);
  assert.equal(scheduleOf(at)?.lastSlot, '2022-01-02T06:00:00Z');
});

test('H2 activations that settle the same slot at once make one PgBackup and one cursor', async () => {
  const at = world(slot, [aManager().schedule(settled).object()]);
  const statuses = await Promise.all(Array.from({ length: 5 }, () => send(at.app, slotTick)));
  assert.deepEqual(statuses, [204, 204, 204, 204, 204]);
  assert.deepEqual(names(at.kube.all(backups)), [name]);
  assert.equal(scheduleOf(at)?.missed, undefined);
});

test('H1 a crash before the cursor moved, then an outage longer than the deadline: it ran, nothing is missed', async () => {
  const at = world(slot, [aManager().schedule(settled).object()]);
  at.kube.refuse = (verb) => (verb === 'apply' ? requestError.of(0, 'NoAnswer', 'connection reset') : undefined);
  assert.equal(await send(at.app, slotTick), 503);
  assert.deepEqual(names(at.kube.all(backups)), [name]);
  at.kube.refuse = () => undefined;
  at.kube.now = slot + 8 * 3600;
  assert.equal(await send(at.app, slotTick), 204);
  assert.deepEqual(names(at.kube.all(backups)), [name]);
  assert.deepEqual([scheduleOf(at)?.lastSlot, scheduleOf(at)?.missed], ['2022-01-02T06:00:00Z', undefined]);
});

test("H3 the slot's name is a person's: missed once, told once, no loop", async () => {
  const at = world(slot, [aManager().schedule(settled).object(), aBackup(name).object()]);
  assert.equal(await send(at.app, slotTick), 204);
  assert.equal(await send(at.app, slotTick), 204);
  assert.equal(scheduleOf(at)?.missed?.last[0]?.reason, 'NameTaken');
  assert.deepEqual(posted(at, 'pg.aidbox.backup.missed.v1'), ['uid-pg-manager/missed/2022-01-02T06:00:00Z']);
});

test('H4 a manager deleted and made again right after its slot began: no second run', async () => {
  const at = world(slot - 4, [aManager().schedule(settled).object()]);
  await send(at.app, slotTick);
  at.kube.put(
    aManager()
      .uid('uid-second')
      .created(slot - 2)
      .object(),
  );
  at.kube.now = slot + 1;
  assert.equal(await send(at.app, slotTick), 204);
  assert.deepEqual(names(at.kube.all(backups)), [name]);
  assert.equal(scheduleOf(at)?.missed?.last[0]?.reason, 'NameTaken');
});

test('H11 a PgBackup that is deleted before the cursor moved is made again', async () => {
  const at = world(slot, [aManager().schedule(settled).object()]);
  at.kube.refuse = (verb) => (verb === 'apply' ? requestError.of(500, 'InternalError', 'etcd is away') : undefined);
  await send(at.app, slotTick);
  at.kube.refuse = () => undefined;
  await at.kube.remove(`${backups}/${name}`);
  await send(at.app, slotTick);
  assert.deepEqual(names(at.kube.all(backups)), [name]);
});

test('H42 of two managers of one StatefulSet only the older one’s slot runs; the other one says so', async () => {
  const young = aManager('young')
    .created(slot - 3600)
    .schedule(settled)
    .object();
  const at = world(slot, [aManager().schedule(settled).object(), young]);
  await send(at.app, { ...slotTick, data: { namespace: 'shop', name: 'young' } });
  await send(at.app, slotTick);
  assert.deepEqual(names(at.kube.all(backups)), [name]);
  assert.match(scheduleOf(at, 'young')?.message ?? '', /^1 slot missed: an older PgManager has the same selector/);
});

test('H50 while the sink is down a missed slot is recorded; afterwards it is told once', async () => {
  const at = world(slot + 8 * 3600, [aManager().schedule(settled).object()]);
  at.effects.sink.down = true;
  assert.equal(await send(at.app, slotTick), 503);
  assert.equal(scheduleOf(at)?.missed?.count, 1);
  at.effects.sink.down = false;
  assert.equal(await send(at.app, sweepTick), 204);
  assert.equal(await send(at.app, slotTick), 204);
  assert.deepEqual(posted(at, 'pg.aidbox.backup.missed.v1'), ['uid-pg-manager/missed/2022-01-02T06:00:00Z']);
  assert.equal(at.kube.all('/api/v1/namespaces/shop/events').length, 1);
});

test('H53 a timer that is being deleted is waited for', async () => {
  const manager = aManager().schedule(settled).object();
  const at = world(slot - 60, [manager]);
  await send(at.app, hint);
  const timer = at.kube.read(`${timers}/aidboxops-slot-uid-pg-manager`) as { metadata: object };
  at.kube.put({ ...timer, metadata: { ...timer.metadata, deletionTimestamp: rfc3339(slot - 30) } });
  assert.equal(await send(at.app, hint), 503);
  await at.kube.remove(`${timers}/aidboxops-slot-uid-pg-manager`);
  assert.equal(await send(at.app, hint), 204);
  assert.deepEqual(names(at.kube.all(timers)), ['aidboxops-slot-uid-pg-manager']);
});

test('a change of at changes the timer', async () => {
  const at = world(slot - 60, [aManager().schedule(settled).object()]);
  await send(at.app, hint);
  const stored = at.kube.read(`${managers}/pg-manager`) as { spec: { backup: object } };
  at.kube.put({ ...stored, spec: { ...stored.spec, backup: { ...stored.spec.backup, at: '07:30:05' } } });
  await send(at.app, hint);
  const timer = at.kube.read(`${timers}/aidboxops-slot-uid-pg-manager`) as { spec: { schedule: string } };
  assert.equal(timer.spec.schedule, '1 30 7 * * *');
  assert.equal(scheduleOf(at)?.nextSlot, '2022-01-02T07:30:05Z');
});

test('suspend removes the timer, resume brings it back', async () => {
  const at = world(slot - 60, [aManager().schedule(settled).object()]);
  const suspend = async (suspended: boolean): Promise<number> => {
    const { spec, ...rest } = at.kube.read(`${managers}/pg-manager`) as { spec: { backup: object } };
    at.kube.put({ ...rest, spec: { ...spec, backup: { ...spec.backup, suspend: suspended } } });
    await send(at.app, hint);
    return at.kube.all(timers).length;
  };
  assert.deepEqual([await suspend(false), await suspend(true), await suspend(false)], [1, 0, 1]);
});

test('H59 a manager that is being deleted is left alone', async () => {
  const at = world(slot, [
    aManager()
      .schedule(settled)
      .deleting(slot - 1)
      .object(),
  ]);
  assert.equal(await send(at.app, slotTick), 204);
  assert.deepEqual(at.kube.writes, []);
});

test('others that keep writing the manager lead to another try, not to a loop', async () => {
  const at = world(slot, [aManager().schedule(settled).object()]);
  at.kube.refuse = (verb, path) =>
    verb === 'apply' && path.startsWith(managers)
      ? requestError.of(409, 'Conflict', 'the object has been modified')
      : undefined;
  assert.equal(await send(at.app, slotTick), 503);
  assert.equal(at.kube.writes.length, 1, 'the PgBackup; its name is found taken by ourselves after that');
});

test('H35 a namespace that is being deleted is no reason to come again', async () => {
  const at = world(slot, [aManager().schedule(settled).object()]);
  at.kube.refuse = (verb) =>
    verb === 'create'
      ? requestError.of(
          403,
          'Forbidden',
          'unable to create new content in namespace shop because it is being terminated',
        )
      : undefined;
  assert.equal(await send(at.app, slotTick), 204);
});

for (const [title, data] of Object.entries({
  'an unknown manager': { namespace: 'shop', name: 'nobody' },
  'a huge name': { namespace: 'shop', name: 'x'.repeat(100_000) },
  'another kind': { kind: 'Secret', metadata: { name: 'pg-manager', namespace: 'shop' } },
  'another namespace': { namespace: 'elsewhere', name: 'pg-manager' },
  'a name that is a path': { namespace: 'shop', name: '../../secrets/x' },
  'no data': undefined,
  text: 'pg-manager',
})) {
  test(`H64 ${title} leads nowhere`, async () => {
    const at = world(slot, [aManager().object(), aManager().in('elsewhere').object()], 'shop');
    assert.equal(await send(at.app, { ...slotTick, data }), 204);
    assert.deepEqual([at.kube.writes, at.effects.sink.posted], [[], []]);
  });
}

/** Delivers the pages that the sweep posts, in their order, each as often as it was posted. */
async function sweep(at: World): Promise<string[]> {
  const pages: string[] = [];
  assert.equal(await send(at.app, sweepTick), 204);
  for (let index = 0; index < at.effects.sink.posted.length; index += 1) {
    const event = at.effects.sink.posted[index]!;
    if (event.type !== 'pg.aidbox.sweep.page.v1') continue;
    pages.push(event.id);
    assert.equal(await send(at.app, { type: event.type, id: event.id, data: event.data }), 204);
  }
  return pages;
}

test('a sweep settles every manager, page by page, and then hints at what is unfinished or untold', async () => {
  const many = Array.from({ length: 450 }, (_, index) => aManager(`m-${index}`).schedule(settled).object());
  const at = world(slot - 60, [
    ...many,
    aBackup('lost').of('other').object(),
    aBackup('waiting').object(),
    aBackup('also-waiting').object(),
    aBackup('untold').of('third').failed('AlreadyRunning').object(),
    aBackup('told').of('fourth').failed('WalgError').announced().object(),
  ]);
  assert.deepEqual(await sweep(at), ['tick-1/2', 'tick-1/3', 'tick-1/4']);
  assert.equal(at.kube.all(timers).length, 450);
  const hints = at.effects.sink.posted.filter(({ type }) => type === 'pg.aidbox.look.v1');
  assert.deepEqual(
    hints.map(({ data }) => (data as { statefulSet: string }).statefulSet),
    ['postgres', 'other', 'third'],
    'H51 H52 H56 H60: once per StatefulSet, with or without a manager',
  );
  assert.ok(hints.every(({ extensions }) => extensions?.['pgpurpose'] === 'backup'));
});

test('H38 a rotation that is owed is hinted at', async () => {
  const lastSuccess = { name: 'b', uid: 'uid-b', finishTime: rfc3339(slot) };
  const owed = aManager().schedule(settled).condition('backup', { status: 'ok', lastSuccess }).object();
  const served = aManager('served')
    .schedule(settled)
    .condition('backup', { status: 'ok', lastSuccess })
    .condition('rotation', { status: 'ok', servedBackup: 'uid-b' })
    .object();
  const at = world(slot - 60, [owed, served]);
  await sweep(at);
  assert.deepEqual(posted(at, 'pg.aidbox.look.v1'), ['tick-1/rotation/uid-pg-manager']);
});

test('H22 what a condition calls running is asked for by its name: it may have been deleted, and nobody was told', async () => {
  const running = aManager().schedule(settled).condition('backup', { status: 'running', running: 'manual-1' }).object();
  const at = world(slot - 60, [running]);
  await sweep(at);
  const hints = at.effects.sink.posted.filter(({ type }) => type === 'pg.aidbox.look.v1');
  assert.deepEqual(
    hints.map(({ data, extensions, id }) => ({ data, extensions, id })),
    [
      {
        data: { namespace: 'shop', name: 'manual-1', purpose: 'backup', statefulSet: 'postgres' },
        extensions: { pgpurpose: 'backup' },
        id: 'tick-1/backup/uid-pg-manager',
      },
    ],
  );
});

test('the sweep runs a slot whose tick was lost', async () => {
  const at = world(slot + 900, [aManager().schedule(settled).object()]);
  await sweep(at);
  assert.deepEqual(names(at.kube.all(backups)), [name]);
});

test('H54 a poisonous manager does not stop its page, a broken object neither', async () => {
  const at = world(slot, [
    { ...aManager('a-broken').object(), spec: {} },
    aManager('b-poison').schedule(settled).object(),
    aManager('c-good').schedule(settled).object(),
  ]);
  at.kube.refuse = (_verb, path) => {
    if (path.includes('b-poison')) throw new TypeError('poison');
    return undefined;
  };
  await sweep(at);
  assert.equal(scheduleOf(at, 'c-good')?.lastSlot, '2022-01-02T06:00:00Z');
  assert.ok(at.effects.log.lines.some(({ message }) => message === 'Manager not reconciled'));
  assert.ok(at.effects.log.lines.some(({ message }) => message.startsWith('Object skipped')));
});

test('H50 H54 a page whose successor cannot be posted is handled, and has to come again', async () => {
  const at = world(slot, [aManager().schedule(settled).object()]);
  at.effects.sink.down = true;
  assert.equal(await send(at.app, sweepTick), 503);
  assert.equal(at.kube.all(backups).length, 1);
  at.effects.sink.down = false;
  assert.equal(await send(at.app, sweepTick), 204);
  assert.equal(at.kube.all(backups).length, 1);
  assert.deepEqual(posted(at, 'pg.aidbox.sweep.page.v1'), ['tick-1/2']);
});

test('H55 an expired list token begins the list again, once', async () => {
  const many = Array.from({ length: 201 }, (_, index) => aManager(`m-${index}`).schedule(settled).object());
  const at = world(slot - 60, many);
  await send(at.app, sweepTick);
  at.kube.expireTokens();
  const second = at.effects.sink.posted[0]!;
  assert.equal(await send(at.app, { type: second.type, data: second.data }), 204);
  assert.deepEqual(posted(at, 'pg.aidbox.sweep.page.v1'), ['tick-1/2', 'tick-1+/1']);
  const again = at.effects.sink.posted[1]!.data as { continue: string };
  assert.equal(again.continue, '');
  at.kube.refuse = (verb) => (verb === 'list' ? requestError.of(410, 'Expired', 'too old') : undefined);
  assert.equal(await send(at.app, { type: second.type, data: again }), 204);
  assert.equal(at.effects.sink.posted.length, 2, 'twice expired: left to the next sweep');
});

test('H63 a page that comes twice posts its successor twice under one id; a late one is dropped', async () => {
  const many = Array.from({ length: 201 }, (_, index) => aManager(`m-${index}`).schedule(settled).object());
  const at = world(slot - 60, many);
  await send(at.app, sweepTick);
  const second = at.effects.sink.posted[0]!;
  await send(at.app, { type: second.type, data: second.data });
  await send(at.app, { type: second.type, data: second.data });
  assert.deepEqual(posted(at, 'pg.aidbox.sweep.page.v1'), ['tick-1/2', 'tick-1/3', 'tick-1/3']);
  at.kube.now += 601;
  at.kube.writes.length = 0;
  assert.equal(await send(at.app, { type: second.type, data: second.data }), 204);
  assert.equal(at.effects.sink.posted.length, 3);
  assert.deepEqual(at.kube.writes, []);
});

test('I8 a sweep asks no more of the API server when a thousand PgBackups are finished and announced', async () => {
  const counts: number[] = [];
  for (const finished of [0, 1_000]) {
    const done = Array.from({ length: finished }, (_, index) => {
      return aBackup(`done-${index}`)
        .succeeded(slot - 3600)
        .announced()
        .object();
    });
    const at = world(slot - 60, [aManager().schedule(settled).object(), ...done]);
    await sweep(at);
    let requests = 0;
    at.kube.refuse = () => void (requests += 1);
    await sweep(at);
    counts.push(requests);
  }
  const [without = 0, withHistory] = counts;
  assert.ok(without > 0);
  assert.equal(withHistory, without);
});

test('H58 a sweep of a quiet installation writes nothing', async () => {
  const at = world(slot - 60, [
    aManager().schedule(settled).object(),
    aBackup()
      .succeeded(slot - 3600)
      .announced()
      .object(),
  ]);
  await sweep(at);
  at.kube.writes.length = 0;
  at.effects.sink.posted.length = 0;
  await sweep(at);
  assert.deepEqual(at.kube.writes, []);
  assert.deepEqual(posted(at, 'pg.aidbox.look.v1'), []);
});

test('a dead letter leaves a line in the log and a Warning on the object that it names', async () => {
  const at = world(slot, [aBackup().object()]);
  const event = {
    type: 'dev.knative.sources.ping',
    id: 'Ping-1',
    pgpurpose: 'backup',
    pgnamespace: 'shop',
    pgname: 'manual-1',
    knativeerrorcode: '503',
    knativeerrordest: 'http://backup.aidboxops',
  };
  assert.equal(await send(at.app, event, '/undelivered'), 204);
  const [record] = at.kube.all('/api/v1/namespaces/shop/events') as Record<string, unknown>[];
  assert.deepEqual(
    { type: record?.['type'], reason: record?.['reason'], message: record?.['message'] },
    {
      type: 'Warning',
      reason: 'Undelivered',
      message:
        'event dev.knative.sources.ping could not be delivered to http://backup.aidboxops (503); the next sweep does its work',
    },
  );
  assert.deepEqual(at.effects.log.lines[0]?.fields['destination'], 'http://backup.aidboxops');
  assert.equal(await send(at.app, event, '/undelivered'), 204);
  assert.equal(at.kube.all('/api/v1/namespaces/shop/events').length, 1);
});

test('a dead letter of a subscriber that never answered says so: Knative tells no more', async () => {
  const at = world(slot, [aBackup().object()]);
  const event = { type: 'pg.aidbox.backup.succeeded.v1', id: 'Told-1', subject: 'pgbackup/shop/manual-1' };
  assert.equal(await send(at.app, event, '/undelivered'), 204);
  const [record] = at.kube.all('/api/v1/namespaces/shop/events') as Record<string, unknown>[];
  assert.equal(
    record?.['message'],
    'event pg.aidbox.backup.succeeded.v1 could not be delivered: a subscriber gave no answer in time; the next sweep does its work',
  );
});

for (const [title, event] of Object.entries({
  'of an object that is gone': { type: 't', subject: 'pgbackup/shop/gone' },
  'of nothing of ours': { type: 't', subject: 'anything' },
  'without subject': { type: 't' },
})) {
  test(`a dead letter ${title} is only logged`, async () => {
    const at = world(slot, []);
    assert.equal(await send(at.app, event, '/undelivered'), 204);
    assert.deepEqual(at.kube.writes, []);
    assert.equal(at.effects.log.lines[0]?.message, 'Event undelivered');
  });
}
