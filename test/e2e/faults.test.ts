/**
 * Events that come twice or never, a function that is killed: the final state is the same. And what the cluster sees of
 * an installation with nothing to do: nothing. Every call of wal-g in this file is written down with the user that made it.
 */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { PgBackup } from '../../functions/domain/resources/pg-backup.ts';
import type { Database } from '../../local/kubernetes/kubelet/databases.ts';
import type { Fault } from '../../local/knative/index.ts';
import { withRestored } from '../support/restored.ts';
import { eventually } from '../support/eventually.ts';
import { openShop, processesOfRun, runAsOwner, type Shop } from '../support/shop.ts';
import { probeCalls, walgBinary } from '../support/walg.ts';

let shop: Shop;
let database: Database;

/** What happens to the next delivery of these Triggers; afterwards they deliver again. */
const faults = new Map<string, Fault>();
/** While set, every delivery is made twice. */
let allTwice = false;

before(async () => {
  shop = await openShop('faults', {
    audit: true,
    eventing: {
      faults: {
        onDelivery(_event, trigger) {
          const name = trigger.replace('aidboxops/', '');
          const fault = faults.get(name) ?? (allTwice ? 'duplicate' : 'deliver');
          faults.delete(name);
          return fault;
        },
      },
    },
  });
  const path = noteCallsOfWalg();
  const env = [
    { name: 'PATH', value: path },
    { name: 'WALG_DISK_RATE_LIMIT', value: String(12 * 1024 * 1024) },
  ];
  database = await shop.database({ env });
  await database.sql('create table orders as select n, md5(n::text) as code from generate_series(1, 5000) n');
});

afterEach(() => {
  faults.clear();
  allTwice = false;
});

after(() => shop?.close());

/** Puts a wal-g in front of the image's that writes down uid and arguments of each call; returns the PATH for it. */
function noteCallsOfWalg(): string {
  const [bin, wrappers] = [join(imageDir(), 'bin'), join(imageDir(), 'wrappers')];
  mkdirSync(wrappers, { mode: 0o755 });
  const lines = ['#!/bin/sh', `echo "$(id -u) $*" >>${callLog()}`, `exec ${bin}/wal-g "$@"`, ''];
  writeFileSync(join(wrappers, 'wal-g'), lines.join('\n'));
  chmodSync(join(wrappers, 'wal-g'), 0o755);
  // Whoever calls must be able to write here: else a call as the wrong user could go unnoticed.
  writeFileSync(callLog(), '');
  chmodSync(callLog(), 0o666);
  return `${wrappers}:${bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`;
}

function imageDir(): string {
  return join(shop.environment.storageDir, '..', 'image');
}

function callLog(): string {
  return join(imageDir(), 'walg-calls.log');
}

/** UIDs in the user data of what is stored. */
async function storedRuns(): Promise<string[]> {
  const { stdout } = await runAsOwner(database, 'wal-g backup-list --detail --json');
  const list = (stdout.trim() === '' ? [] : JSON.parse(stdout)) as { user_data: { aidboxops: { uid: string } } }[];
  return list.map((entry) => entry.user_data.aidboxops.uid);
}

/** The state that every one of these stories ends in. */
async function assertServed(backup: PgBackup): Promise<void> {
  const { name, uid } = backup.metadata;
  assert.equal(backup.status.state, 'success', backup.status.message);
  assert.deepEqual(
    (await storedRuns()).filter((run) => run === uid),
    [uid],
    'exactly one stored backup of the run',
  );
  await eventually(`rotation after ${name}`, async () => {
    const { rotation } = (await shop.pgm()).status.conditions;
    return rotation?.servedBackup === uid && rotation.status === 'ok' && rotation.running === undefined
      ? true
      : undefined;
  });
  const { backup: condition } = (await shop.pgm()).status.conditions;
  assert.equal(condition?.status, 'ok');
  assert.equal(condition.running, undefined);
  assert.equal(condition.lastSuccess?.uid, uid);
  assert.equal(condition.log?.filter((run) => run.name === name).length, 1, 'once in the history');
  assert.deepEqual(await shop.events(uid), ['Normal BackupStarted', 'Normal BackupSucceeded']);
  assert.deepEqual(announced(uid), [`${uid}/started`, `${uid}/succeeded`]);
  await eventually('only the slot timer left', async () => {
    const timers = await shop.kubectl('get', 'pingsource', '-n', shop.namespace, '-o', 'name');
    return /^\S+\/aidboxops-slot-\S+\n$/.test(timers) ? true : undefined;
  });
}

/** Ids of the functions' own events about a run; a consumer drops what comes again under the same id. */
function announced(uid: string): string[] {
  const ids = shop.observations.flatMap((one) =>
    one.kind === 'event' && one.event.type.startsWith('pg.aidbox.backup.') && one.event.id.startsWith(`${uid}/`)
      ? [one.event.id]
      : [],
  );
  return [...new Set(ids)].sort();
}

/**
 * Moves the manager's slot to some seconds from now; the PgBackup of that slot has this name. Any look within 9 s before
 * a slot starts it, so that the events of the change itself must be over by then.
 */
async function slotSoon(): Promise<string> {
  const slot = new Date(Date.now() + 16_000).toISOString();
  const [day = '', at = ''] = slot.slice(0, 19).split('T');
  await shop.manager({ at });
  return `pg-manager-backup-at-${day}t${at.replaceAll(':', '-')}z`;
}

async function untilFaultHappened(trigger: string): Promise<void> {
  await eventually(`a delivery of ${trigger}`, () => (faults.has(trigger) ? undefined : true));
}

async function backupsNamed(name: string): Promise<PgBackup[]> {
  return (await shop.pgbs()).filter(({ metadata }) => metadata.name === name);
}

describe('lost', () => {
  test('a new PgManager is not told of: the sweep gives it its timer and the probe its storage', async () => {
    faults.set('schedule-pgmanager-add', 'drop').set('storage-pgmanager-add', 'drop');
    await shop.manager();
    await untilFaultHappened('schedule-pgmanager-add');
    await untilFaultHappened('storage-pgmanager-add');
    assert.deepEqual((await shop.pgm()).status, { conditions: {} });
    await shop.tick('sweep');
    await shop.tick('probe');
    await eventually('schedule and storage', async () => {
      const { conditions, schedule } = (await shop.pgm()).status;
      return schedule?.nextSlot !== undefined && conditions.storage?.state === 'available' ? true : undefined;
    });
  });

  test('a new PgBackup is not told of: the sweep finds it', async () => {
    faults.set('backup-pgbackup-add', 'drop');
    await shop.backup('untold');
    await untilFaultHappened('backup-pgbackup-add');
    assert.deepEqual((await shop.pgb('untold'))?.status, {});
    await shop.tick('sweep');
    await assertServed(await shop.finished('untold'));
  });

  test('the tick of a slot: the sweep starts the backup of the slot', async () => {
    faults.set('schedule-slot', 'drop');
    const name = await slotSoon();
    await untilFaultHappened('schedule-slot');
    assert.deepEqual(await backupsNamed(name), []);
    await shop.tick('sweep');
    await eventually('PgBackup of the slot', () => shop.pgb(name));
    await assertServed(await shop.finished(name));
  });

  test('the news of a success: the sweep lets the rotation know', async () => {
    faults.set('rotation-backup-succeeded', 'drop');
    await shop.backup('unheard');
    await untilFaultHappened('rotation-backup-succeeded');
    const backup = await shop.finished('unheard');
    await shop.tick('sweep');
    await assertServed(backup);
  });
});

describe('twice', () => {
  for (const [what, trigger, name] of [
    ['a new PgBackup', 'backup-pgbackup-add', 'told-twice'],
    ['the news of a success', 'rotation-backup-succeeded', 'heard-twice'],
  ] as const) {
    test(`${what}: one run, one stored backup`, async () => {
      const before = await storedRuns();
      faults.set(trigger, 'duplicate');
      await shop.backup(name);
      await untilFaultHappened(trigger);
      await assertServed(await shop.finished(name));
      assert.equal((await storedRuns()).length, before.length + 1);
    });
  }

  test('everything, from the change of the slot to the rotation, and the probe', async () => {
    const begin = Date.now();
    const before = await storedRuns();
    const { storage } = (await shop.pgm()).status.conditions;
    allTwice = true;
    const name = await slotSoon();
    const backup = await shop.finished(name);
    await shop.tick('sweep');
    await shop.tick('probe');
    await assertServed(backup);
    assert.equal((await storedRuns()).length, before.length + 1);
    for (const trigger of ['schedule-slot', 'backup-pgbackup-add', 'rotation-backup-succeeded', 'storage-probe']) {
      await eventually(`${trigger} twice`, () => (answersSince(begin, trigger).length >= 2 ? true : undefined));
    }
    assert.deepEqual((await shop.pgm()).status.conditions.storage, storage);
  });
});

test('a function is killed in mid-backup: the run goes on and ends once', async () => {
  await database.sql('create table filler as select n, repeat(md5(n::text), 10) from generate_series(1, 120000) n');
  const before = await storedRuns();
  await shop.backup('killed');
  const { uid, walg } = await eventually('wal-g', async () => {
    const backup = await shop.pgb('killed');
    const found = backup === undefined ? [] : processesOfRun(backup.metadata.uid);
    const one = found.find((process) => process.name === 'wal-g');
    return backup === undefined || one === undefined ? undefined : { uid: backup.metadata.uid, walg: one.pid };
  });
  const victim = shop.environment.functions().find(({ name }) => name === 'backup');
  assert.ok(victim?.pid, 'the function runs');
  process.kill(victim.pid, 'SIGKILL');
  assert.ok(
    processesOfRun(uid).some(({ pid }) => pid === walg),
    'wal-g goes on',
  );
  const backup = await shop.finished('killed', 90);
  const now = shop.environment.functions().find(({ name }) => name === 'backup');
  assert.ok((now?.starts ?? 0) > victim.starts, 'another process took over');
  await assertServed(backup);
  assert.equal((await storedRuns()).length, before.length + 1);
});

test('a rotation deletes as it should after all this', async () => {
  await shop.manager({ keep: 2 });
  const before = await storedRuns();
  await shop.backup('last');
  const backup = await shop.finished('last');
  await assertServed(backup);
  assert.deepEqual(await storedRuns(), [...before.slice(-1), backup.metadata.uid]);
});

test('nothing to do: two minutes without a write, ticks of sweep and probe included', async () => {
  await eventually('functions at zero', () =>
    shop.environment.functions().every(({ state }) => state === 'zero') ? true : undefined,
  );
  const quietSince = Date.now();
  await shop.tick('sweep');
  await shop.tick('probe');
  // What is stored after all these faults can be restored; to see that needs no API server.
  const ask = "select count(*) as rows, md5(string_agg(n || code, ',' order by n)) as sum from orders";
  const restore = { block: 'restore-newest', variables: { BACKUP: await shop.newest() } };
  const rows = await withRestored(shop, database, restore, (sql) => sql(ask));
  assert.deepEqual(rows, await database.sql(ask));
  await shop.tick('probe');
  await shop.tick('sweep');
  await pause(quietSince + 120_000 - Date.now());
  assert.deepEqual(writesSince(quietSince), []);
  assert.ok(writesSince(0).some((write) => write.startsWith('system:serviceaccount:aidboxops:backup ')));
  for (const trigger of ['schedule-sweep', 'storage-probe']) {
    const statuses = answersSince(quietSince, trigger);
    assert.ok(statuses.length >= 2 && statuses.every((status) => status === 204), `${trigger}: ${statuses.join(', ')}`);
  }
});

/** How deliveries of a Trigger were answered. Observations carry no time, but the events in them do. */
function answersSince(time: number, trigger: string): number[] {
  return shop.observations.flatMap((one) =>
    one.kind === 'delivery' &&
    one.trigger === `aidboxops/${trigger}` &&
    Date.parse(one.event.extensions['knativearrivaltime'] ?? '') >= time
      ? [one.status]
      : [],
  );
}

/** Writes that the audit log shows, but for the API server's own. An exec and a token's request store nothing. */
function writesSince(time: number): string[] {
  return readFileSync(shop.environment.auditLogPath ?? '', 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as AuditLine)
    .filter(({ requestReceivedTimestamp }) => Date.parse(requestReceivedTimestamp) >= time)
    .filter(({ verb }) => ['create', 'update', 'patch', 'delete', 'deletecollection'].includes(verb))
    .filter(({ user }) => user.username !== 'system:apiserver')
    .filter(({ objectRef }) => !['exec', 'token'].includes(objectRef?.subresource ?? ''))
    .map(({ user, verb, requestURI }) => `${user.username} ${verb} ${requestURI}`);
}

interface AuditLine {
  readonly requestReceivedTimestamp: string;
  readonly verb: string;
  readonly user: { readonly username: string };
  readonly objectRef?: { readonly subresource?: string };
  readonly requestURI: string;
}

test('every call of wal-g was made as the owner of the data directory', async () => {
  const calls = readFileSync(callLog(), 'utf8').trimEnd().split('\n');
  const owner = String(statSync(database.dataDir).uid);
  assert.deepEqual(
    calls.filter((call) => !call.startsWith(`${owner} `)),
    [],
  );
  const kinds = [
    'backup-push ',
    'wal-push ',
    'backup-list --detail --json',
    'wal-show ',
    ...probeCalls(await walgBinary()),
    'delete ',
  ];
  for (const kind of kinds) {
    assert.ok(
      calls.some((call) => call.startsWith(`${owner} ${kind}`)),
      `${kind}was called`,
    );
  }
});
