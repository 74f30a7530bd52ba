/** Events in, until all is quiet: with an API server in memory and a pod that deletes as wal-g does. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { path } from '../../../functions/domain/resources/api-paths.ts';
import { rotationIsDue } from '../../../functions/domain/resources/manager-state.ts';
import { PgManager, type RotationCondition } from '../../../functions/domain/resources/pg-manager.ts';
import type { RunReport, StartRequest } from '../../../functions/domain/run/protocol.ts';
import type { Kube } from '../../../functions/platform/kubernetes/client.ts';
import type { Runner } from '../../../functions/platform/run/runner.ts';
import type { ReceivedEvent } from '../../../functions/platform/serve/server.ts';
import type { Outcome } from '../../../functions/platform/reconcile/reconcile.ts';
import { createRotationHandler } from '../../../functions/rotation/handler.ts';
import { createFakeClock, createFakeEffects, type FakeClock, type FakeEffects } from '../../support/effects.ts';
import { createFakeKube, type FakeKube } from '../../support/fake-kube.ts';
import { catalogueOf, database as databaseObjects } from '../../support/situations/pod.ts';
import { backup, listed, manager, now, report, saw, stored, success } from '../../support/situations/rotation.ts';

/** What the database pod has: stored backups by day, runs by id. */
interface Database {
  days: number[];
  reachable: boolean;
  readonly runs: Map<string, RunReport>;
  /** Cuts that wal-g was called with. */
  readonly deletions: string[];
  /** Called when a catalogue was read. */
  afterCatalogue: () => void;
}

interface World {
  readonly kube: FakeKube;
  readonly effects: FakeEffects;
  readonly clock: FakeClock;
  readonly database: Database;
  /** One activation. */
  send(event: Partial<ReceivedEvent>): Promise<Outcome>;
}

class Crash extends Error {}

/** Called before and after each effect; throws to end the activation there. */
type Saboteur = (moment: 'before' | 'after') => void;

function sabotaged<A extends unknown[], R>(
  effect: (...given: A) => Promise<R>,
  saboteur: () => Saboteur,
): (...given: A) => Promise<R> {
  return async (...given) => {
    saboteur()('before');
    const result = await effect(...given);
    saboteur()('after');
    return result;
  };
}

function world(objects: readonly object[], saboteur: () => Saboteur = () => () => undefined): World {
  const kube = createFakeKube(now, ...objects, ...databaseObjects());
  const clock = createFakeClock();
  const database: Database = {
    days: [8, 9, 10],
    reachable: true,
    runs: new Map(),
    deletions: [],
    afterCatalogue: () => undefined,
  };
  const plain = createFakeEffects(kube, runnerIn(kube, database));
  const effects: FakeEffects = {
    ...plain,
    kube: {
      ...kube,
      apply: sabotaged((...given: Parameters<Kube['apply']>) => kube.apply(...given), saboteur),
      create: sabotaged((...given: Parameters<Kube['create']>) => kube.create(...given), saboteur),
      remove: sabotaged((...given: Parameters<Kube['remove']>) => kube.remove(...given), saboteur),
    },
    sink: Object.assign(plain.sink, { post: sabotaged(plain.sink.post.bind(plain.sink), saboteur) }),
    runner: {
      ...plain.runner,
      start: sabotaged((...given: Parameters<Runner['start']>) => plain.runner.start(...given), saboteur),
      prune: sabotaged((...given: Parameters<Runner['prune']>) => plain.runner.prune(...given), saboteur),
    },
  };
  const handler = createRotationHandler(effects, clock, '');
  return { kube, effects, clock, database, send: (event) => handler(event as ReceivedEvent) };
}

function runnerIn(kube: FakeKube, database: Database): Partial<Runner> {
  return {
    inspect: (_pod, { id } = {}) => {
      const run = id === undefined ? undefined : (database.runs.get(id) ?? report({ id, state: 'none' }));
      const answer = saw({ podTime: kube.now, ...(run && { run }) })!.answer;
      return Promise.resolve(answer);
    },
    catalogue: () => {
      if (!database.reachable)
        return Promise.resolve({ ok: false, problem: { kind: 'transient', message: 'no route to host' } });
      const value = catalogueOf(
        kube.now,
        database.days.map((at) => listed(at)),
      );
      database.afterCatalogue();
      return Promise.resolve({ ok: true, value });
    },
    start: (_pod, request) => {
      if (kube.now <= request.notAfter && !database.runs.has(request.id)) runRotation(kube, database, request);
      return Promise.resolve({ ok: true, value: { state: 'running', podTime: kube.now, startedAt: kube.now } });
    },
    prune: (_pod, { runs }) => {
      for (const { id } of runs) database.runs.delete(id);
      return Promise.resolve({ ok: true, value: { podTime: kube.now, pruned: runs.map(({ id }) => id) } });
    },
  };
}

/** Ends at once, as with file storage. */
function runRotation(kube: FakeKube, database: Database, request: StartRequest): void {
  assert.ok(request.kind === 'rotation');
  const { cut, id, names } = request;
  const times = { startedAt: kube.now, endedAt: kube.now + 1 };
  if (JSON.stringify([...names].toSorted()) !== JSON.stringify(database.days.map(stored).toSorted())) {
    database.runs.set(id, report({ id, ...times, exitCode: 75, catalogueChanged: true }));
    return;
  }
  database.deletions.push(cut);
  database.days = database.days.filter((at) => stored(at) >= cut);
  database.runs.set(id, report({ id, ...times }));
}

const succeeded: Partial<ReceivedEvent> = {
  type: 'pg.aidbox.backup.succeeded.v1',
  id: 'uid-day-10/succeeded',
  data: { namespace: 'shop', name: 'day-10', statefulSet: 'postgres', uid: 'uid-day-10' },
};
const tick: Partial<ReceivedEvent> = {
  type: 'dev.knative.sources.ping',
  id: 'tick',
  data: { namespace: 'shop', name: 'pg-manager' },
};
const hint: Partial<ReceivedEvent> = { ...tick, type: 'pg.aidbox.look.v1', id: 'hint' };

const history = [success(8), success(9), success(10)];

function managerIn({ kube }: World, name = 'pg-manager'): PgManager {
  return PgManager.parse(kube.read(path.manager('shop', name)));
}

function rotationIn(given: World, name = 'pg-manager'): RotationCondition {
  return managerIn(given, name).status.conditions.rotation ?? {};
}

function backupsIn({ kube }: World): string[] {
  return kube.all(path.backups('shop')).map((each) => (each as PgManager).metadata.name);
}

function timersIn({ kube }: World): number {
  return kube.all('/apis/sources.knative.dev/v1/pingsources').length;
}

/** Time goes on: the timer ticks while it exists, the sweep looks every quarter of an hour. */
async function untilQuiet(given: World, seconds = 7200): Promise<void> {
  const end = given.kube.now + seconds;
  while (given.kube.now < end && (timersIn(given) > 0 || rotationIsDue(managerIn(given)))) {
    given.kube.now += 30;
    if (timersIn(given) > 0) await given.send(tick);
    else if (given.kube.now % 900 < 30) await given.send(hint);
  }
}

function assertRotated(given: World): void {
  const rotation = rotationIn(given);
  assert.deepEqual(given.database.days, [9, 10]);
  assert.deepEqual(backupsIn(given), ['day-10', 'day-9']);
  assert.equal(rotation.status, 'ok');
  assert.equal(rotation.servedBackup, 'uid-day-10');
  assert.match(rotation.message ?? '', new RegExp(`^2 stored, 1 deleted \\(${stored(8)}\\); oldest`));
  for (const key of ['running', 'planned', 'outbox', 'missing'] as const) assert.equal(rotation[key], undefined, key);
  assert.equal(timersIn(given), 0);
}

function postedIn({ effects }: World): string[] {
  return [...new Set(effects.sink.posted.map(({ id }) => id))];
}

test('a successful backup: the oldest goes, within one activation', async () => {
  const given = world([manager(), ...history]);
  const { outcome } = await given.send(succeeded);
  assert.equal(outcome, 'done');
  assertRotated(given);
  assert.deepEqual(given.database.deletions, [stored(9)]);
  assert.deepEqual(postedIn(given), ['uid-pg-manager/rotation/uid-day-10-1/success']);
  assert.equal(rotationIn(given).announced, 'uid-day-10-1/success');
  const [event] = given.kube.all(path.events('shop')) as { reason: string; type: string }[];
  assert.deepEqual([event?.type, event?.reason], ['Normal', 'RotationSucceeded']);
});

test('I7 duplicates and late hints change nothing', async () => {
  const given = world([manager(), ...history]);
  await given.send(succeeded);
  const before = given.kube.read(path.manager('shop', 'pg-manager'));
  for (const event of [succeeded, tick, hint, succeeded]) assert.equal((await given.send(event)).outcome, 'done');
  assert.deepEqual(given.kube.read(path.manager('shop', 'pg-manager')), before);
  assert.equal(given.effects.sink.posted.length, 1);
});

test('two activations at once: one run', async () => {
  const given = world([manager(), ...history]);
  await Promise.all([given.send(succeeded), given.send(tick), given.send(hint)]);
  await untilQuiet(given);
  assertRotated(given);
  assert.deepEqual(given.database.deletions, [stored(9)]);
});

/** Runs to the end once, dying at one effect; false when there was no such effect. */
async function survives(at: number, moment: 'before' | 'after'): Promise<boolean> {
  let effects = 0;
  let crashed = false;
  const given = world([manager(), ...history], () => (when) => {
    if (crashed || when !== moment) return;
    effects += 1;
    if (effects !== at) return;
    crashed = true;
    throw new Crash();
  });
  await given.send(succeeded).catch((error: unknown) => assert.ok(error instanceof Crash, String(error)));
  if (!crashed) return false;
  await untilQuiet(given);
  assertRotated(given);
  assert.deepEqual(given.database.deletions, [stored(9)]);
  const posted = postedIn(given);
  assert.equal(posted.length, 1, posted.join(' '));
  assert.match(posted[0]!, /^uid-pg-manager\/rotation\/uid-day-10-[12]\/success$/);
  return true;
}

for (const moment of ['before', 'after'] as const) {
  test(`H12 a crash ${moment} each effect is continued by the next look`, async () => {
    let at = 1;
    while (await survives(at, moment)) at += 1;
    assert.ok(at > 8, `only ${at - 1} effects`);
  });
}

test('H37 a manual backup ends between plan and run: planned again from what is stored then', async () => {
  const given = world([manager(), ...history]);
  given.database.afterCatalogue = () => {
    given.database.afterCatalogue = () => undefined;
    given.database.days.push(11);
  };
  await given.send(succeeded);
  await untilQuiet(given);
  assert.deepEqual(given.database.days, [9, 10, 11]);
  assert.deepEqual(postedIn(given), ['uid-pg-manager/rotation/uid-day-10-2/success']);
});

test('H50 the sink is down for hours: the work is done, and told once', async () => {
  const given = world([manager(), ...history]);
  given.effects.sink.down = true;
  assert.equal((await given.send(succeeded)).outcome, 'retry');
  await untilQuiet(given, 3600);
  assert.deepEqual(given.database.days, [9, 10]);
  assert.equal(rotationIn(given).outbox?.length, 1);
  given.effects.sink.down = false;
  await untilQuiet(given);
  assertRotated(given);
  assert.equal(given.effects.sink.posted.length, 1);
});

test('H47 storage that stays unreachable: ten attempts, then served, no ticks for ever', async () => {
  const given = world([manager(), ...history]);
  given.database.reachable = false;
  await given.send(succeeded);
  assert.equal(timersIn(given), 0);
  assert.equal(rotationIn(given).servedBackup, undefined);
  await untilQuiet(given, 86_400);
  assert.equal(rotationIn(given).servedBackup, 'uid-day-10');
  assert.equal(rotationIn(given).status, 'error');
  assert.equal(postedIn(given).length, 10);
  assert.deepEqual(given.database.days, [8, 9, 10]);
});

test('H47 storage that comes back: the next sweep deletes', async () => {
  const given = world([manager(), ...history]);
  given.database.reachable = false;
  await given.send(succeeded);
  given.database.reachable = true;
  await untilQuiet(given);
  assertRotated(given);
  assert.deepEqual(postedIn(given), [
    'uid-pg-manager/rotation/uid-day-10-1/error',
    'uid-pg-manager/rotation/uid-day-10-2/success',
  ]);
});

test('H62 a catalogue that takes 40 s is still enough to start and to verify', async () => {
  const given = world([manager(), ...history]);
  given.database.afterCatalogue = () => {
    given.kube.now += 40;
    given.clock.elapsed += 40_000;
  };
  await given.send(succeeded);
  await untilQuiet(given);
  assertRotated(given);
});

test('H42 two managers: both say so, nothing is deleted', async () => {
  const given = world([manager(), manager({ name: 'other', retain: 30 }), ...history]);
  await given.send(succeeded);
  assert.deepEqual(given.database.days, [8, 9, 10]);
  for (const name of ['pg-manager', 'other']) {
    assert.match(rotationIn(given, name).message ?? '', /^refused: ScheduleConflict/);
    assert.equal(rotationIn(given, name).servedBackup, 'uid-day-10');
  }
  assert.deepEqual(postedIn(given), [
    'uid-other/rotation/uid-day-10-1/refused',
    'uid-pg-manager/rotation/uid-day-10-1/refused',
  ]);
});

test('H59 the manager is being deleted: nothing happens', async () => {
  const going = manager();
  const given = world([{ ...going, metadata: { ...going.metadata, deletionTimestamp: '2022-01-02T06:00:00Z' } }]);
  assert.equal((await given.send(tick)).outcome, 'done');
  assert.deepEqual(given.kube.writes, []);
});

test('H60 a success without any manager', async () => {
  const given = world(history);
  assert.equal((await given.send(succeeded)).reason, 'Ignored');
});

test('a second success while one is deleted: each is served under its own id', async () => {
  const given = world([manager(), ...history]);
  await given.send(succeeded);
  given.kube.put(success(11), manager({ newest: 11, condition: rotationIn(given) }));
  given.database.days.push(11);
  await given.send(tick);
  assert.deepEqual(given.database.days, [10, 11]);
  assert.deepEqual(postedIn(given), [
    'uid-pg-manager/rotation/uid-day-10-1/success',
    'uid-pg-manager/rotation/uid-day-11-1/success',
  ]);
  assert.deepEqual(
    rotationIn(given).log?.map(({ id }) => id),
    ['uid-day-11-1', 'uid-day-10-1'],
  );
});

test('a backup that waits holds rotation up, without a timer', async () => {
  const given = world([manager(), ...history, backup('manual', { state: 'pending' })]);
  await given.send(succeeded);
  assert.equal(rotationIn(given).status, 'pending');
  assert.equal(timersIn(given), 0);
  assert.deepEqual(given.database.days, [8, 9, 10]);
});

for (const [what, event] of Object.entries({
  'an unknown manager': { ...tick, data: { namespace: 'shop', name: 'nobody' } },
  'another namespace': { ...succeeded, data: { namespace: 'crm', name: 'x', statefulSet: 'postgres' } },
  'no StatefulSet': { ...succeeded, data: { namespace: 'shop', name: 'x' } },
  'a selector in the name': { ...succeeded, data: { namespace: 'shop', name: 'x', statefulSet: 'a,b!=c' } },
  'a huge name': { ...tick, data: { namespace: 'shop', name: 'x'.repeat(100_000) } },
  'no data': { ...tick, data: undefined },
})) {
  test(`H64 ${what}: nothing`, async () => {
    const given = world([manager(), ...history]);
    assert.equal((await given.send(event)).outcome, 'done');
    assert.deepEqual(given.kube.writes, []);
  });
}
