/** Commands → what is done, what counts as conflict, what stays pending. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Command, PodRef } from '../../../../functions/domain/commands/command.ts';
import type { OwnEvent } from '../../../../functions/domain/events/cloud-event.ts';
import { requestError } from '../../../../functions/domain/request-error.ts';
import type { StartRequest } from '../../../../functions/domain/run/protocol.ts';
import type { Timer } from '../../../../functions/domain/events/timer.ts';
import { apply, type Applied, type Effects } from '../../../../functions/platform/reconcile/apply.ts';
import type { Runner } from '../../../../functions/platform/run/runner.ts';
import { aBackup, aManager, slot } from '../../../support/situations/objects.ts';
import { identity } from '../../../support/situations/pod.ts';
import { createFakeEffects, type FakeEffects } from '../../../support/effects.ts';
import { createFakeKube } from '../../../support/fake-kube.ts';

const managerPath = '/apis/aidbox.pg/v01/namespaces/shop/pgmanagers/pg-manager';
const backupPath = '/apis/aidbox.pg/v01/namespaces/shop/pgbackups/manual-1';
const timerPath = '/apis/sources.knative.dev/v1/namespaces/shop/pingsources/aidboxops-slot-uid-pg-manager';

function effectsWith(objects: readonly object[], runner: Partial<Runner> = {}): FakeEffects {
  return createFakeEffects(createFakeKube(slot, ...objects), runner);
}

/** A status for the manager as it is stored now. */
function applyStatus({ kube }: FakeEffects, status: object, change: object = {}): Command {
  const { metadata } = kube.read(managerPath) as {
    metadata: { name: string; namespace: string; uid: string; resourceVersion: string };
  };
  return {
    type: 'applyStatus',
    kind: 'PgManager',
    target: { ...metadata, ...change },
    fieldManager: 'aidboxops-schedule',
    status,
  };
}

const timer: Timer = {
  purpose: 'slot',
  owner: {
    apiVersion: 'aidbox.pg/v01',
    kind: 'PgManager',
    name: 'pg-manager',
    namespace: 'shop',
    uid: 'uid-pg-manager',
  },
  schedule: '0 0 6 * * *',
  data: { namespace: 'shop', name: 'pg-manager' },
};

function event(id: string): OwnEvent {
  return { type: 'pg.aidbox.look.v1', source: '/test', id, subject: 'test', data: {} };
}

const recorded: Command = {
  type: 'recordEvent',
  event: { apiVersion: 'v1', kind: 'Event', metadata: { name: 'e-1', namespace: 'shop' } },
};

const done = { outcome: 'applied', undelivered: false };

/** How it went, without what was written. */
async function howItWent(effects: Effects, commands: readonly Command[]): Promise<Omit<Applied, 'writes'>> {
  const { outcome, undelivered } = await apply(effects, commands);
  return { outcome, undelivered };
}

test('a status is applied whole: fields left out go', async () => {
  const effects = effectsWith([aManager().object()]);
  assert.deepEqual(await howItWent(effects, [applyStatus(effects, { schedule: { at: 'a', message: 'b' } })]), done);
  assert.deepEqual(await howItWent(effects, [applyStatus(effects, { schedule: { at: 'c' } })]), done);
  assert.deepEqual((effects.kube.read(managerPath) as { status: object }).status, { schedule: { at: 'c' } });
});

test('statuses are answered as they are after the write, PgBackups that went by their UID', async () => {
  const effects = effectsWith([aManager().object(), aBackup().object()]);
  const told = applyStatus(effects, { schedule: { at: 'a' } });
  const posted: Command = { type: 'post', events: [event('1')], then: [told] };
  const { metadata: target } = aBackup().build();
  const { writes } = await apply(effects, [{ type: 'removeBackup', target }, posted]);
  assert.deepEqual(writes, { written: [effects.kube.read(managerPath)], removed: ['uid-manual-1'] });
});

for (const [name, change] of Object.entries({
  'H30 an older version': { resourceVersion: '1' },
  'an object that is gone': { name: 'gone' },
})) {
  test(`a status decided from ${name} is a conflict, and the rest is left out`, async () => {
    const effects = effectsWith([aManager().object()]);
    const answer = await apply(effects, [applyStatus(effects, { schedule: { at: 'x' } }, change), recorded]);
    assert.equal(answer.outcome, 'conflict');
    assert.deepEqual(effects.kube.all('/api/v1/namespaces/shop/events'), []);
  });
}

test('H31 a status decided for a manager that was replaced by a namesake is a conflict', async () => {
  const effects = effectsWith([aManager().object()]);
  const command = applyStatus(effects, { schedule: { at: 'x' } });
  effects.kube.put(aManager().uid('uid-namesake').object());
  assert.equal((await apply(effects, [command])).outcome, 'conflict');
  assert.equal((effects.kube.read(managerPath) as { status?: object }).status, undefined);
});

test('H30 running after success is refused by the API server and counts as a conflict', async () => {
  const effects = effectsWith([aBackup().succeeded(slot).object()]);
  const { metadata } = aBackup().build();
  const { resourceVersion } = (effects.kube.read(backupPath) as { metadata: { resourceVersion: string } }).metadata;
  const command: Command = {
    type: 'applyStatus',
    kind: 'PgBackup',
    target: { ...metadata, resourceVersion },
    fieldManager: 'aidboxops-backup',
    status: { state: 'running' },
  };
  assert.equal((await apply(effects, [command])).outcome, 'conflict');
  assert.equal((effects.kube.read(backupPath) as { status: { state: string } }).status.state, 'success');
  assert.equal(effects.log.lines[0]?.message, 'Status refused by the API server');
});

test('an API server that cannot be used throws', async () => {
  const effects = effectsWith([aManager().object()]);
  const command = applyStatus(effects, { schedule: {} });
  effects.kube.refuse = () => requestError.of(0, 'NoAnswer', 'connection refused');
  await assert.rejects(apply(effects, [command]), /connection refused/);
});

test('H3 a taken name is a conflict: whose it is has to be looked at', async () => {
  const effects = effectsWith([aBackup().object()]);
  const backup = aBackup().object() as unknown as Extract<Command, { type: 'createBackup' }>['backup'];
  assert.equal((await apply(effects, [{ type: 'createBackup', backup }])).outcome, 'conflict');
});

test('an Event that is there already is done', async () => {
  const effects = effectsWith([]);
  assert.deepEqual(await howItWent(effects, [recorded, recorded]), done);
  assert.equal(effects.kube.all('/api/v1/namespaces/shop/events').length, 1);
});

test('a timer is made once, then only looked at, and mended when it differs', async () => {
  const effects = effectsWith([]);
  const applies = (): number => effects.kube.writes.filter(({ verb }) => verb === 'apply').length;
  await apply(effects, [{ type: 'applyTimer', timer }]);
  await apply(effects, [{ type: 'applyTimer', timer }]);
  assert.equal(applies(), 1);
  const stored = effects.kube.read(timerPath) as { spec: object; metadata: object };
  effects.kube.put({ ...stored, spec: { ...stored.spec, schedule: '1 2 3 * * *' } });
  await apply(effects, [{ type: 'applyTimer', timer }]);
  assert.equal(applies(), 2);
  assert.equal((effects.kube.read(timerPath) as { spec: { schedule: string } }).spec.schedule, '0 0 6 * * *');
});

test('fields that others added to a timer are no difference', async () => {
  const effects = effectsWith([]);
  await apply(effects, [{ type: 'applyTimer', timer }]);
  const stored = effects.kube.read(timerPath) as { metadata: object };
  effects.kube.put({ ...stored, metadata: { ...stored.metadata, finalizers: ['f'] }, status: { ready: true } });
  effects.kube.writes.length = 0;
  await apply(effects, [{ type: 'applyTimer', timer }]);
  assert.deepEqual(effects.kube.writes, []);
});

test('H53 a timer that is being deleted is a failure that comes again', async () => {
  const effects = effectsWith([]);
  await apply(effects, [{ type: 'applyTimer', timer }]);
  const stored = effects.kube.read(timerPath) as { metadata: object };
  effects.kube.put({ ...stored, metadata: { ...stored.metadata, deletionTimestamp: '2022-01-02T06:00:00Z' } });
  await assert.rejects(apply(effects, [{ type: 'applyTimer', timer }]), { status: 503, reason: 'TimerTerminating' });
});

test('removing what is gone is done', async () => {
  const effects = effectsWith([aBackup().object()]);
  const target = { namespace: 'shop', name: 'manual-1', uid: 'uid-manual-1' };
  const commands: Command[] = [
    { type: 'removeTimer', namespace: 'shop', name: 'gone' },
    { type: 'removeBackup', target: { ...target, uid: 'uid-namesake' } },
  ];
  assert.deepEqual(await howItWent(effects, commands), done);
  assert.notEqual(effects.kube.read(backupPath), undefined, 'H31 a namesake stays');
  await apply(effects, [{ type: 'removeBackup', target }]);
  assert.equal(effects.kube.read(backupPath), undefined);
});

test('H50 a sink that is down stops only what follows from telling', async () => {
  const effects = effectsWith([aManager().object()]);
  effects.sink.down = true;
  const told = applyStatus(effects, { schedule: { announced: 'x' } });
  const answer = await howItWent(effects, [{ type: 'post', events: [event('1')], then: [told] }, recorded]);
  assert.deepEqual(answer, { outcome: 'applied', undelivered: true });
  assert.equal((effects.kube.read(managerPath) as { status?: object }).status, undefined);
  assert.equal(effects.kube.all('/api/v1/namespaces/shop/events').length, 1);
});

test('what follows from telling is done once all is told', async () => {
  const effects = effectsWith([aManager().object()]);
  const told = applyStatus(effects, { schedule: { announced: 'x' } });
  assert.deepEqual(await howItWent(effects, [{ type: 'post', events: [event('1'), event('2')], then: [told] }]), done);
  assert.deepEqual(
    effects.sink.posted.map(({ id }) => id),
    ['1', '2'],
  );
  assert.deepEqual((effects.kube.read(managerPath) as { status: object }).status, { schedule: { announced: 'x' } });
});

test('a conflict in what follows from telling is a conflict', async () => {
  const effects = effectsWith([aManager().object()]);
  const told = applyStatus(effects, { schedule: {} }, { resourceVersion: '1' });
  const answer = await howItWent(effects, [{ type: 'post', events: [event('1')], then: [told] }, recorded]);
  assert.equal(answer.outcome, 'conflict');
});

test('a mistake of ours in the sink is not taken for a sink that is down', async () => {
  const effects = effectsWith([]);
  effects.sink.post = () => Promise.reject(new TypeError('mistake'));
  await assert.rejects(apply(effects, [{ type: 'post', events: [event('1')], then: [] }]), TypeError);
});

const pod: PodRef = { namespace: 'shop', pod: 'postgres-0', container: 'postgres' };
const noAnswer = { ok: false, problem: { kind: 'timeout', message: 'no answer' } } as const;

test('commands in the pod are sent as they are; no answer is left to the next look', async () => {
  const calls: unknown[] = [];
  const note = (...call: unknown[]): Promise<typeof noAnswer> => {
    calls.push(call);
    return Promise.resolve(noAnswer);
  };
  const effects = effectsWith([], { start: note, stop: note, prune: note });
  const dir = '/PgBackup';
  const address = { id: 'uid-1', dir, identity, notAfter: slot + 30, timeoutSeconds: 60 };
  const request: StartRequest = { ...address, kind: 'backup', name: 'manual-1', userData: '{}' };
  const commands: Command[] = [
    { type: 'start', pod, request },
    { type: 'stop', pod, kind: 'backup', id: 'uid-1', directory: dir },
    { type: 'prune', pod, directory: dir, runs: [{ id: 'uid-1', name: 'manual-1' }] },
  ];
  assert.deepEqual(await howItWent(effects, commands), done);
  assert.deepEqual(calls, [
    [pod, request],
    [pod, { id: 'uid-1', kind: 'backup', dir }],
    [pod, { dir, runs: [{ id: 'uid-1', name: 'manual-1' }] }],
  ]);
  assert.equal(effects.log.lines.filter(({ message }) => message === 'Pod gave no answer').length, 3);
});
