/** The life of a PgManager on real parts: its timers, its slots, what is missed, what is forged, what cannot be delivered. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { PgManager } from '../../functions/domain/resources/pg-manager.ts';
import { slotLead } from '../../functions/domain/events/timer.ts';
import {
  assertAsPublished,
  postEvent,
  subscribe,
  timers,
  kubernetesEvent,
  kubernetesEvents,
  type Consumer,
  type MadeUpEvent,
} from '../support/outside.ts';
import { eventually } from '../support/eventually.ts';
import { openLocalCluster, type LocalCluster } from '../support/local-cluster.ts';

/** A new database has about 25 MB: at this rate there is time to do something meanwhile. */
const slow = { WALG_DISK_RATE_LIMIT: String(3 * 1024 * 1024) };
const day = 86_400_000;
const subject = 'pgmanager/shop/pg-manager';

let cluster: LocalCluster;
let consumer: Consumer;

before(async () => {
  cluster = await openLocalCluster('lifecycle');
  consumer = await subscribe(cluster.environment);
  await cluster.database();
  await cluster.manager();
  await slotTimer(await cluster.pgm());
});

after(async () => {
  await (consumer as Consumer | undefined)?.close();
  await (cluster as LocalCluster | undefined)?.close();
});

test('suspended: no timer, and a slot that passes is neither run nor missed; resumed: nothing starts at once (H7)', async () => {
  const slot = wholeSecond(Date.now() + 4000);
  await cluster.patch({ spec: { backup: { suspend: true, at: time(slot) } } });
  const suspended = await eventually('suspension', async () => {
    const manager = await cluster.pgm();
    return manager.status.schedule?.suspended === true ? manager : undefined;
  });
  assert.equal(suspended.status.schedule?.nextSlot, undefined);
  assert.equal(suspended.status.schedule?.message, 'suspended by spec.backup.suspend; no backup yet');
  await eventually('no timer', async () => (await timers(cluster)).length === 0);
  await clockPasses(slot + 1000);
  await sweepAndWait();
  assert.deepEqual(await cluster.pgbs(), []);

  await cluster.patch({ spec: { backup: { suspend: false } } });
  const resumed = await slotTimer(await cluster.pgm());
  assert.equal(resumed.schedule, cron(slot));
  await sweepAndWait();
  const { schedule } = (await cluster.pgm()).status;
  assert.deepEqual([schedule?.nextSlot, schedule?.missed], [rfc3339(slot + day), undefined]);
  assert.deepEqual(await cluster.pgbs(), []);
});

test('an outage of thirty days: one late run, twenty-nine slots recorded as missed, told once (H10)', async () => {
  const latest = wholeSecond(Date.now() - 3_600_000);
  await cluster.patch({ spec: { backup: { at: time(latest) } } });
  await eventually('the new time', async () => (await cluster.pgm()).status.schedule?.at === time(latest));
  assert.deepEqual(await cluster.pgbs(), [], 'nothing for a time before the change');

  await cluster.feignSchedule({ since: rfc3339(latest - 30 * day + 1000), lastSlot: null });
  await cluster.tick('sweep');
  const missed = await announcedMissed(29);
  assert.deepEqual(missed.last, [
    { slot: rfc3339(latest - day), first: rfc3339(latest - 29 * day), count: 29, reason: 'TooLate' },
  ]);
  const { metadata } = await cluster.pgm();
  assert.deepEqual(await kubernetesEvent(cluster, metadata.uid, 'SlotMissed'), {
    type: 'Warning',
    reason: 'SlotMissed',
    message: `29 slots missed: nothing could start within 6h of them (last ${rfc3339(latest - day)})`,
  });
  const backup = await cluster.finished(slotName(latest));
  assert.equal(backup.status.state, 'success', backup.status.message);
  await sweepAndWait();
  assert.deepEqual(await cluster.backupNames(), [slotName(latest)]);
  const events = consumer.about('pg.aidbox.backup.missed.v1', subject);
  assert.deepEqual(
    [...new Set(events.map(({ id }) => id))],
    [`${metadata.uid}/missed/${rfc3339(latest - day)}`],
    'one fact, one id',
  );
});

test('a changed time moves the timer and the next slot; an older cursor runs no slot again (H1)', async () => {
  const before = await cluster.backupNames();
  // A slot that is due within nine seconds may be taken at any look: this one is to be seen before that.
  const slot = wholeSecond(Date.now() + 16_000);
  await cluster.patch({ spec: { backup: { at: time(slot) } } });
  const manager = await eventually('the new time', async () => {
    const found = await cluster.pgm();
    return found.status.schedule?.nextSlot === rfc3339(slot) ? found : undefined;
  });
  await eventually('timer at the new time', async () => (await slotTimer(manager)).schedule === cron(slot));
  assert.equal((await cluster.finished(slotName(slot))).status.state, 'success');
  assert.deepEqual(await cluster.backupNames(), [...before, slotName(slot)]);

  await cluster.feignSchedule({ since: rfc3339(slot - 5 * day), lastSlot: rfc3339(slot - 3 * day) });
  await cluster.tick('sweep');
  const missed = await announcedMissed(29 + 2);
  assert.deepEqual(missed.last.at(-1), {
    slot: rfc3339(slot - day),
    first: rfc3339(slot - 2 * day),
    count: 2,
    reason: 'TooLate',
  });
  assert.equal((await cluster.pgm()).status.schedule?.lastSlot, rfc3339(slot));
  assert.deepEqual(await cluster.backupNames(), [...before, slotName(slot)]);
});

test("a person's object has the name of the slot: missed, said why, and no loop (H3)", async () => {
  const slot = wholeSecond(Date.now() + 16_000);
  await cluster.backup(slotName(slot));
  await cluster.patch({ spec: { backup: { at: time(slot) } } });
  const missed = await announcedMissed(29 + 2 + 1);
  assert.deepEqual(missed.last.at(-1), {
    slot: rfc3339(slot),
    first: rfc3339(slot),
    count: 1,
    reason: 'NameTaken',
  });
  const { metadata, status } = await cluster.pgm();
  assert.equal(status.schedule?.lastSlot, rfc3339(slot));
  assert.match(
    status.schedule.message ?? '',
    /^1 slot missed: a PgBackup of the name pg-manager-backup-at-\S+ is there/,
  );
  await eventually('Warning', async () =>
    (await kubernetesEvents(cluster, metadata.uid)).find(({ message }) => message === status.schedule?.message),
  );
  const backup = await cluster.finished(slotName(slot));
  assert.equal(backup.status.state, 'success', "the person's own backup is not touched");
  await sweepAndWait();
  assert.equal((await cluster.pgm()).status.schedule?.missed?.count, 32);
});

test('forged, absurd and stale events change nothing (H64)', async () => {
  await quiet();
  const stored = await cluster.databaseIn('postgres-0').stored();
  const before = await everything();
  const posted = [];
  for (const event of await forgeries()) posted.push(await postEvent(cluster.environment, event));
  for (const { status } of posted) assert.equal(status, 202);
  for (const { id } of posted) assert.deepEqual(await answersTo(id), [204], id);
  await quiet();
  assert.deepEqual(await everything(), before);
  assert.deepEqual(await cluster.databaseIn('postgres-0').stored(), stored);
});

test('an event that its function never accepts ends as a dead letter', async () => {
  const { metadata } = await cluster.pgm();
  const binding = await cluster.kubectl('get', 'clusterrolebinding', 'aidboxops-rotation', '-o', 'json');
  await cluster.kubectl('delete', 'clusterrolebinding', 'aidboxops-rotation');
  try {
    const { id } = await postEvent(cluster.environment, {
      type: 'pg.aidbox.look.v1',
      subject,
      extensions: { pgpurpose: 'rotation' },
      data: { namespace: 'shop', name: 'pg-manager', purpose: 'rotation' },
    });
    const warning = await eventually('Warning', async () =>
      (await kubernetesEvents(cluster, metadata.uid)).find(({ message }) => message.includes('pg.aidbox.look.v1')),
    );
    assert.deepEqual([warning.type, warning.reason], ['Warning', 'Undelivered']);
    assert.match(warning.message, /could not be delivered to http:\S+ \(503\)/);
    const attempts = cluster.observations.filter(
      (one) => one.kind === 'delivery' && one.event.id === id && one.function === 'rotation',
    );
    assert.equal(attempts.length, 4, 'one try and the three retries of the Trigger');
  } finally {
    const { apiVersion, kind, roleRef, subjects } = JSON.parse(binding) as Record<string, unknown>;
    await cluster.apply({ apiVersion, kind, metadata: { name: 'aidboxops-rotation' }, roleRef, subjects });
  }
});

test('suspension and a forged deletion leave a running backup alone; so does the deletion of its manager (H7, H22, H59)', async (t) => {
  const database = await cluster.database({ name: 'slow', env: slow });
  await cluster.manager({ name: 'going', statefulSet: 'slow', keep: 2 });
  const manager = await cluster.pgm('going');
  await slotTimer(manager);

  await t.test('suspended and forged', async () => {
    await cluster.backup('slow-1', 'slow');
    const running = await begun('slow-1');
    await cluster.patch({ spec: { backup: { suspend: true } } }, 'going');
    const { status } = await postEvent(cluster.environment, {
      type: 'dev.knative.apiserver.resource.delete',
      subject: '/apis/aidbox.pg/v01/namespaces/shop/pgbackups/slow-1',
      extensions: { kind: 'PgBackup', name: 'slow-1', namespace: 'shop' },
      data: running,
    });
    assert.equal(status, 202);
    const backup = await cluster.finished('slow-1');
    assert.equal(backup.status.state, 'success', backup.status.message);
    await cluster.patch({ spec: { backup: { suspend: false } } }, 'going');
    await slotTimer(manager);
  });

  await t.test('manager deleted', async () => {
    await cluster.backup('slow-2', 'slow');
    await begun('slow-2');
    const { metadata } = (await cluster.pgb('slow-2'))!;
    await cluster.kubectl('delete', 'pgm', '-n', cluster.namespace, 'going');
    await eventually("no timer of the manager's", async () =>
      (await timers(cluster)).every(({ owner }) => owner !== manager.metadata.uid),
    );
    const still = await cluster.pgb('slow-2');
    assert.equal(still?.status.state, 'running');
    assert.ok(
      (await timers(cluster)).some(({ owner }) => owner === metadata.uid),
      'the timer of the run stays',
    );
    const backup = await cluster.finished('slow-2');
    assert.equal(backup.status.state, 'success', backup.status.message);
    const names = await Promise.all(
      ['slow-1', 'slow-2'].map(async (name) => (await cluster.pgb(name))?.status.backup?.name),
    );
    assert.deepEqual(await database.stored(), names);
    await eventually('no timer of the run', async () =>
      (await timers(cluster)).every(({ owner }) => owner !== metadata.uid),
    );
  });
});

test('everything that was told is as published', () => {
  const own = consumer.seen.filter(({ type, source }) => type.startsWith('pg.aidbox.') && source !== '/test');
  for (const event of own) assertAsPublished(event);
  assert.ok(own.some(({ type }) => type === 'pg.aidbox.backup.missed.v1'));
});

/** Valid envelopes around nonsense, and around what is no longer true. */
async function forgeries(): Promise<MadeUpEvent[]> {
  const ping = { type: 'dev.knative.sources.ping', extensions: { pgpurpose: 'slot' } };
  const look = { type: 'pg.aidbox.look.v1', extensions: { pgpurpose: 'backup' } };
  const change = (verb: string, kind: string, data: unknown): MadeUpEvent => ({
    type: `dev.knative.apiserver.resource.${verb}`,
    extensions: { kind },
    data,
  });
  const finished = JSON.parse(
    await cluster.kubectl('get', 'pgb', '-n', cluster.namespace, (await cluster.backupNames())[0] ?? '', '-o', 'json'),
  ) as { kind: string; metadata: object; spec: object };
  const page = { tick: 'forged', page: 2, kind: 'PgManager', continue: '', started: rfc3339(Date.now()) };
  return [
    { ...ping, data: { namespace: 'shop', name: 'nobody' } },
    { ...ping, data: { namespace: 'shop', name: 'x'.repeat(100_000) } },
    { ...ping, data: { namespace: 'kube-system', name: 'pg-manager' } },
    { ...ping, data: { namespace: '../../../api/v1/secrets', name: '..' } },
    { ...ping, data: [1, 2, 3] },
    ping,
    change('add', 'PgManager', { kind: 'Pod', metadata: { name: 'pg-manager', namespace: 'shop' }, spec: {} }),
    change('update', 'PgManager', { kind: 'PgManager', metadata: { name: 7, namespace: {} }, spec: null }),
    change('update', 'PgManager', 'not an object'),
    // True once: a PgBackup that is long finished was added, and is said to be deleted.
    change('add', 'PgBackup', finished),
    change('delete', 'PgBackup', finished),
    change('delete', 'PgBackup', { ...finished, spec: { selector: { name: 'no-such-database' } } }),
    change('add', 'PgBackup', { ...finished, metadata: { name: 'unheard-of', namespace: 'shop' } }),
    { ...look, data: { namespace: 'kube-system', name: 'postgres', statefulSet: 'postgres' } },
    { ...look, data: { namespace: 'shop', name: 'unheard-of', statefulSet: 'no-such-database' } },
    { ...look, data: { namespace: 'shop' } },
    { ...look, extensions: { pgpurpose: 'rotation' }, data: { namespace: 'shop', name: 'pg-manager' } },
    { ...look, extensions: { pgpurpose: 'rotation' }, data: { namespace: 'shop', name: 'y'.repeat(100_000) } },
    { type: 'pg.aidbox.backup.succeeded.v1', data: { namespace: 'shop', name: 'unheard-of', statefulSet: 'postgres' } },
    { type: 'pg.aidbox.backup.succeeded.v1', data: { namespace: 'shop', name: 'x', statefulSet: 'no-such-database' } },
    { type: 'pg.aidbox.sweep.page.v1', data: { ...page, started: '2001-01-01T00:00:00Z' } },
    { type: 'pg.aidbox.sweep.page.v1', data: { ...page, continue: 'no token of this API server' } },
    { type: 'pg.aidbox.sweep.page.v1', data: { ...page, kind: 'Secret' } },
    { type: 'pg.aidbox.probe.page.v1', data: { ...page, kind: 'PgBackup' } },
    { type: 'pg.aidbox.probe.page.v1', data: { ...page, page: -1 } },
  ];
}

/** The final answer of each function that was handed the event. */
function answersTo(id: string): Promise<number[]> {
  return eventually(`answers to event ${id}`, () => {
    const accepted = cluster.observations.find((one) => one.kind === 'event' && one.event.id === id);
    if (accepted?.kind !== 'event') return undefined;
    const triggers = accepted.triggers.filter((trigger) => trigger !== 'aidboxops/everything');
    const answers = cluster.observations.flatMap((one) =>
      one.kind === 'delivery' && one.event.id === id && triggers.includes(one.trigger) && one.retryInMs === undefined
        ? [one.status]
        : [],
    );
    return answers.length === triggers.length ? [...new Set(answers)] : undefined;
  });
}

/** Objects of the namespace in every detail, Events included. */
async function everything(): Promise<unknown> {
  const kinds = 'pgmanagers,pgbackups,pingsources,events,statefulsets,pods';
  const text = await cluster.kubectl('get', kinds, '-n', cluster.namespace, '-o', 'json');
  return (JSON.parse(text) as { items: unknown[] }).items;
}

/** Until no delivery is under way and nothing has come for a moment: timers have an end then. */
function quiet(): Promise<true> {
  let seen = -1;
  let since = 0;
  return eventually('quiet', async () => {
    const unfinished = (await timers(cluster)).some(({ name }) => !name.startsWith('aidboxops-slot-'));
    if (cluster.observations.length !== seen || unfinished) {
      seen = cluster.observations.length;
      since = performance.now();
    }
    return performance.now() - since > 1500;
  });
}

/** A sweep whose pages have all been handled. */
async function sweepAndWait(): Promise<void> {
  const from = cluster.observations.length;
  await cluster.tick('sweep');
  await eventually('end of the sweep', () =>
    cluster.observations
      .slice(from)
      .find((one) => one.kind === 'delivery' && one.trigger === 'aidboxops/schedule-sweep-page' && one.status === 204),
  );
}

/** Status of the schedule once so many slots are missed and told. */
function announcedMissed(count: number): Promise<NonNullable<NonNullable<PgManager['status']['schedule']>['missed']>> {
  return eventually(`${count} missed slots`, async () => {
    const { schedule } = (await cluster.pgm()).status;
    const missed = schedule?.missed;
    return missed?.count === count && missed.announced === missed.last.at(-1)?.slot ? missed : undefined;
  });
}

function slotTimer({ metadata }: PgManager): Promise<{ schedule: string }> {
  return eventually('timer of the slot', async () =>
    (await timers(cluster)).find(({ name, owner }) => name.startsWith('aidboxops-slot-') && owner === metadata.uid),
  );
}

/** The PgBackup while wal-g runs. */
function begun(name: string): Promise<unknown> {
  return eventually(`start of ${name}`, async () => {
    const text = await cluster.kubectl('get', 'pgb', '-n', cluster.namespace, name, '-o', 'json');
    const backup = JSON.parse(text) as { status?: { state?: string; announced?: string } };
    return backup.status?.state === 'running' && backup.status.announced === 'started' ? backup : undefined;
  });
}

async function clockPasses(moment: number): Promise<void> {
  await pause(Math.max(0, moment - Date.now()));
}

function slotName(slot: number): string {
  return `pg-manager-backup-at-${rfc3339(slot).toLowerCase().replaceAll(':', '-')}`;
}

/** The schedule of the daily timer of a slot. */
function cron(slot: number): string {
  const moment = new Date(slot - slotLead * 1000);
  return `${moment.getUTCSeconds()} ${moment.getUTCMinutes()} ${moment.getUTCHours()} * * *`;
}

/** `HH:MM:SS`, as `at` has it. */
function time(slot: number): string {
  return new Date(slot).toISOString().slice(11, 19);
}

function rfc3339(moment: number): string {
  return new Date(moment).toISOString().replace(/\.\d+/, '');
}

function wholeSecond(moment: number): number {
  return Math.floor(moment / 1000) * 1000;
}
