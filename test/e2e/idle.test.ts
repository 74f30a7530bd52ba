/**
 * What the cluster sees of an installation with nothing to do: nothing. Only the local environment has an audit log of
 * its own and answers of deliveries to read, and shows which user called wal-g.
 */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { auditLines } from '../support/audit.ts';
import type { TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { openLocalCluster, type LocalCluster } from '../support/local-cluster.ts';
import { probeCalls, walgBinary } from '../support/walg.ts';
import { takeBackup, untilAtZero } from './stories/backups.ts';

let cluster: LocalCluster;
let database: TestDatabase;

/** Triggers whose next delivery gets lost. */
const lost = new Set<string>();

before(async () => {
  cluster = await openLocalCluster('idle', { audit: true, loses: (trigger) => lost.delete(trigger) });
  database = await cluster.database({ env: { PATH: recordCallsOfWalg() } });
});

after(() => (cluster as LocalCluster | undefined)?.close());

/** Puts a wal-g in front of the image's that records uid and arguments of each call; returns the PATH for it. */
function recordCallsOfWalg(): string {
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
  return join(cluster.environment.storageDir, '..', 'image');
}

function callLog(): string {
  return join(imageDir(), 'walg-calls.log');
}

test('the events of a new PgManager are lost: the sweep gives it its timer and the probe its storage', async () => {
  lost.add('schedule-pgmanager-add').add('storage-pgmanager-add');
  await cluster.manager({ keep: 1 });
  await eventually('both deliveries', () => lost.size === 0);
  assert.deepEqual((await cluster.pgm()).status, { conditions: {} });
  await cluster.tick('sweep');
  await cluster.tick('probe');
  await eventually('schedule and storage', async () => {
    const { conditions, schedule } = (await cluster.pgm()).status;
    return schedule?.nextSlot !== undefined && conditions.storage?.state === 'available';
  });
});

test('nothing to do: two minutes without a write, ticks of sweep and probe included', async () => {
  await takeBackup(cluster, 'first');
  const last = await takeBackup(cluster, 'last');
  await eventually('rotation', async () => (await cluster.pgbs()).length === 1);
  assert.deepEqual(await database.stored(), [last.status.backup?.name]);
  await untilAtZero(cluster);
  const quietSince = Date.now();
  await cluster.tick('sweep');
  await cluster.tick('probe');
  await pause(60_000);
  await cluster.tick('probe');
  await cluster.tick('sweep');
  await pause(quietSince + 120_000 - Date.now());
  assert.deepEqual(writesSince(quietSince), []);
  assert.ok(writesSince(0).some((write) => write.startsWith('system:serviceaccount:aidboxops:backup ')));
  for (const trigger of ['schedule-sweep', 'storage-probe']) {
    const statuses = answersSince(quietSince, trigger);
    assert.ok(statuses.length >= 2 && statuses.every((status) => status === 204), `${trigger}: ${statuses.join(', ')}`);
  }
});

/** Lists how deliveries of a Trigger were answered. Observations carry no time, but the events in them do. */
function answersSince(time: number, trigger: string): number[] {
  return cluster.observations.flatMap((one) =>
    one.kind === 'delivery' &&
    one.trigger === `aidboxops/${trigger}` &&
    Date.parse(one.event.extensions['knativearrivaltime'] ?? '') >= time
      ? [one.status]
      : [],
  );
}

/** Lists writes of the audit log, but for the API server's own. An exec and a token's request store nothing. */
function writesSince(time: number): string[] {
  return auditLines(cluster.environment)
    .filter(({ requestReceivedTimestamp }) => Date.parse(requestReceivedTimestamp) >= time)
    .filter(({ verb }) => ['create', 'update', 'patch', 'delete', 'deletecollection'].includes(verb))
    .filter(({ user }) => user.username !== 'system:apiserver')
    .filter(({ objectRef }) => !['exec', 'token'].includes(objectRef?.subresource ?? ''))
    .map(({ user, verb, requestURI }) => `${user.username} ${verb} ${requestURI}`);
}

test('every call of wal-g was made as the owner of the data directory', async () => {
  const calls = readFileSync(callLog(), 'utf8').trimEnd().split('\n');
  const owner = String(statSync(cluster.running().dataDir).uid);
  const foreign = calls.filter((call) => !call.startsWith(`${owner} `));
  assert.deepEqual(foreign, []);
  const detail = 'backup-list --detail --json';
  const probes = probeCalls(await walgBinary());
  for (const kind of ['backup-push ', 'wal-push ', detail, 'wal-show ', ...probes, 'delete ']) {
    const isCalled = calls.some((call) => call.startsWith(`${owner} ${kind}`));
    assert.ok(isCalled, `${kind}was called`);
  }
});
