/** The hard cases as scripts: what happens, and what must be true in the end besides all invariants. */
import assert from 'node:assert/strict';
import type { Database } from './database.ts';
import { crashAt, day, slot, when, type ScriptResult, type Script } from './script.ts';
import type { World } from './world.ts';

/** What happens; `name` begins with the numbers of the hard cases that it shows. */
export interface HardCase extends Script {
  readonly name: string;
  readonly want: (result: ScriptResult) => void;
}

function outcomes(...wanted: readonly string[]): HardCase['want'] {
  return (result) => assert.deepEqual(result.outcomes, wanted);
}

function onlyDatabase(world: World): Database {
  return [...world.databases.values()][0]!;
}

/** Down when wal-g has ended, up again after so many seconds. */
function storageGoneAtProof(seconds: number): (world: World) => void {
  return when(/backup .* ends with 0/, (world) => {
    const { bucket } = onlyDatabase(world);
    bucket.state = 'down';
    world.scheduler.at(world.scheduler.now() + seconds * 1000, () => (bucket.state = 'ok'));
  });
}

const slots: readonly HardCase[] = [
  {
    name: 'H1 PgBackup created, crash before the cursor moved, outage longer than the deadline',
    prepare: crashAt(/schedule create .*pgbackups/, 'after'),
    lines: [
      [slot - 5, 'pingsDown', 30_000],
      [slot + 1, 'brokerDown', 30_000],
    ],
    days: 2,
    want: ({ manager, outcomes: all }) => {
      assert.equal(
        all.filter((state) => state === 'success').length + (manager?.status.schedule?.missed?.count ?? 0),
        2,
      );
    },
  },
  {
    name: 'H2 H63 everything comes twice to four times',
    noise: { duplicate: 1 },
    pageCap: 1,
    days: 2,
    want: outcomes('success', 'success'),
  },
  {
    name: "H3 the slot's name is taken by a person's PgBackup",
    lines: [[1_000, 'takeName']],
    want: ({ manager }) => assert.equal(manager?.status.schedule?.missed?.last[0]?.reason, 'NameTaken'),
  },
  {
    name: 'H4 H31 the manager is recreated just before and just after its slot',
    lines: [
      [slot - 4, 'recreateManager', 1, 61],
      [slot + 3, 'recreateManager', 1, 61],
    ],
    want: ({ backups }) => assert.ok(backups.length <= 1),
  },
  {
    name: 'H5 at changes a moment after the slot, whose tick is late',
    lines: [
      [slot - 10, 'pingsDown', 300],
      [slot + 1, 'changeAt', 0, 70_000],
    ],
    want: outcomes('success', 'success'),
  },
  {
    name: 'H6 at changes to a time that has passed',
    lines: [[65_000, 'changeAt', 0, 60_000]],
    want: outcomes('success'),
  },
  {
    name: 'H7 suspended over the slot, its tick lost',
    lines: [[58_000, 'suspend', 2_000]],
    want: ({ backups, manager }) => {
      assert.equal(backups.length, 0);
      assert.equal(manager?.status.schedule?.missed, undefined);
    },
  },
  {
    name: 'H8 a cursor 40 days ahead, before the first slot and after it',
    lines: [
      [1_000, 'tamperCursor'],
      [day + 1_000, 'tamperCursor'],
    ],
    days: 2,
    want: ({ backups, events }) => {
      assert.equal(events.filter((reason) => reason === 'CursorReset').length, 2);
      assert.equal(backups.length, 2);
    },
  },
  {
    name: 'H9 ticks up to four seconds early',
    noise: { late: 0.000_001 },
    days: 3,
    want: ({ backups }) => assert.equal(backups.length, 2),
  },
  {
    name: 'H10 H52 an outage of thirty days',
    lines: [[day, 'pingsDown', 30 * day]],
    days: 32,
    want: ({ manager }) => assert.equal(manager?.status.schedule?.missed?.count, 30),
  },
];

const runs: readonly HardCase[] = [
  {
    name: 'H13 every start arrives late',
    noise: { lateStart: 1 },
    want: ({ backups }) => assert.equal(backups.length, 1),
  },
  {
    name: 'H15 execs are cut half of the time',
    noise: { cut: 0.5 },
    days: 2,
    want: ({ backups }) => assert.equal(backups.length, 2),
  },
  {
    name: 'H17 the container restarts when wal-g has ended, files lost',
    database: { volume: false },
    prepare: when(/backup .* ends with 0/, (world) => restart(world)),
    want: ({ backups, outcomes: all }) => {
      assert.deepEqual(all, ['success']);
      assert.match(backups[0]?.status.message ?? '', /log lost with the container/);
    },
  },
  {
    name: 'H14 H18 the container restarts during the run; the next one works',
    days: 2,
    prepare: when(/exec start .*running/, (world) => restart(world)),
    want: outcomes('error InitializationError', 'success'),
  },
  {
    name: 'H19 H20 three in the same second, their add events lost',
    lines: [
      [9_000, 'watchDown', 5, 1],
      [9_001, 'backups'],
    ],
    want: ({ outcomes: all }) =>
      assert.deepEqual(all.toSorted(), ['error AlreadyRunning', 'error AlreadyRunning', 'success', 'success']),
  },
  {
    name: 'H21 a backup is wanted while a rotation holds the lock',
    days: 3,
    prepare: when(/exec start .*-1 in/, (world) => manual(world)),
    want: ({ outcomes: all }) => assert.ok(all.every((state) => state === 'success')),
  },
  {
    name: 'H22 the PgBackup is deleted in mid-run, its delete event is lost',
    prepare: when(/exec start .*running/, (world) => removeAll(world)),
    want: ({ database, backups }) => {
      assert.equal(database.lock, undefined);
      assert.equal(backups.length, 0);
    },
  },
  {
    name: 'H22 the PgBackup is deleted in mid-run, its delete event is lost, and wal-g ends before the next probe',
    // Begun after one probe, deleted two minutes later, ended by its deadline of 5 min before the next.
    manager: 60,
    lines: [[85_899, 'abandon', 0, 396]],
    want: ({ backups, manager }) => {
      assert.equal(backups.length, 1);
      assert.deepEqual(
        [manager?.status.conditions.backup?.status, manager?.status.conditions.backup?.running],
        ['ok', undefined],
      );
    },
  },
  {
    name: 'H23 wal-g waits for an archiving that never comes',
    database: { exclusive: true },
    lines: [[slot - 10, 'breakArchiving', 20_000, 1]],
    want: ({ backups, outcomes: all }) => {
      assert.deepEqual(all, ['error WalgError']);
      assert.match(backups[0]?.status.message ?? '', /stopped after 1h/);
    },
  },
  {
    name: 'H24 H36 archiving is broken for two days; what is stored then counts for nothing',
    days: 5,
    lines: [[2 * day, 'breakArchiving', 2 * day, 0]],
    want: ({ outcomes: all }) => assert.deepEqual(all, ['success', 'error WalgError', 'error WalgError', 'success']),
  },
  {
    name: 'H25 wal-g says that it failed, and what it stored is listed',
    days: 12,
    seed: 2,
    noise: { failures: 0.5 },
    want: ({ backups, database, seen }) => {
      assert.ok(seen.has('listed, yet it failed'));
      for (const { metadata, status } of backups) {
        const listed = database.bucket.entries.some(({ owner }) => owner?.uid === metadata.uid);
        if (listed && status.state === 'error') assert.match(status.message ?? '', /is listed but was not finished/);
      }
    },
  },
  {
    name: 'H26 storage is gone at the proof for 50 minutes',
    prepare: storageGoneAtProof(3_000),
    want: outcomes('success'),
  },
  {
    name: 'H26 H27 storage is gone at the proof for 90 minutes',
    prepare: storageGoneAtProof(5_400),
    want: ({ backups }) => assert.match(backups[0]?.status.message ?? '', /could not be proved/),
  },
  {
    name: 'H27 details of a foreign entry cannot be read for a while',
    lines: [[slot - 10, 'breakDetail', 2_000]],
    want: outcomes('success'),
  },
  {
    name: 'H28 the pod is pending for a quarter of an hour, the add event lost',
    lines: [
      [slot - 10, 'restartContainer', 900],
      [slot + 700, 'restartContainer', 900],
      [slot - 1, 'watchDown', 20, 1],
    ],
    want: outcomes('error NoPodAccess'),
  },
  {
    name: 'H29 the StatefulSet is scaled to 0',
    lines: [[slot - 100, 'scaleDown', 600]],
    want: outcomes('error NoPodAccess'),
  },
  {
    name: 'H30 an activation that hung writes `running` after `success`',
    prepare: hangAtRunning,
    want: ({ outcomes: all, seen }) => {
      assert.ok(seen.has('stale write on a finished PgBackup'));
      assert.deepEqual(all, ['success']);
    },
  },
  {
    name: 'H32 the directory changes during a run',
    days: 2,
    lines: [[slot + 1, 'directory', 0, 2]],
    want: outcomes('success', 'success'),
  },
  {
    name: "H33 the pod's clock is ten minutes behind",
    database: { skew: -600 },
    want: ({ backups }) => assert.match(backups[0]?.status.duration ?? '', /^\d+(s|m\d+s)$/),
  },
  {
    name: 'H35 the namespace is being deleted',
    prepare: (world) => terminate(world, slot - 5),
    want: () => undefined,
  },
];

const rotations: readonly HardCase[] = [
  {
    name: 'H38 backup.succeeded is lost with the broker',
    days: 3,
    prepare: when(/backup remove .*aidboxops-backup/, (world) => void (world.brokerEpoch += 1), 9),
    want: ({ backups, manager }) => {
      assert.equal(backups.length, 2);
      assert.equal(manager?.status.conditions.rotation?.servedBackup, backups[1]?.metadata.uid);
    },
  },
  {
    name: 'H39 each day its own rotation',
    days: 5,
    want: ({ manager }) => assert.equal(new Set(manager?.status.conditions.rotation?.log?.map(({ id }) => id)).size, 5),
  },
  {
    name: 'H40 backups of an earlier CronJob stay, until they are adopted',
    days: 5,
    lines: [
      [10, 'foreignEntry'],
      [20, 'foreignEntry'],
      [3 * day, 'adopt', 0, 0],
    ],
    want: ({ database, events }) => {
      assert.ok(events.includes('RotationRefused'));
      assert.equal(database.bucket.entries.length, 2);
    },
  },
  {
    name: 'H41 the bucket is changed',
    days: 4,
    lines: [[2 * day, 'changeBucket']],
    want: ({ backups, events }) => {
      assert.ok(backups.length >= 4);
      assert.ok(events.includes('BackupVanished'));
    },
  },
  {
    name: 'H42 a second manager of the same StatefulSet',
    days: 3,
    lines: [[10, 'rival', 2 * day, 1]],
    want: ({ events }) => {
      assert.ok(events.includes('ScheduleConflict'));
      assert.ok(events.includes('RotationRefused'));
    },
  },
  {
    name: 'H45 delta chains and a permanent backup',
    days: 12,
    database: { deltas: true },
    lines: [[10, 'permanentEntry']],
    want: ({ database }) => assert.ok(database.bucket.entries.some(({ permanent }) => permanent)),
  },
  {
    name: 'H46 H47 the storage does not let wal-g delete',
    days: 4,
    lines: [[2 * day, 'lockBucket', day]],
    want: ({ events, database }) => {
      assert.ok(events.includes('RotationFailed'));
      assert.equal(database.bucket.entries.length, 2);
    },
  },
];

const others: readonly HardCase[] = [
  {
    name: 'H48 storage that fails once',
    lines: [[10_000, 'storageDown', 700]],
    want: ({ events }) => assert.ok(!events.includes('StorageUnavailable')),
  },
  {
    name: 'H48 H49 H61 two outages of storage, each told once',
    lines: [
      [10_000, 'storageDown', 3_000],
      [30_000, 'storageFull', 3_000],
    ],
    want: ({ events }) => assert.equal(events.filter((reason) => reason === 'StorageUnavailable').length, 2),
  },
  {
    name: 'H50 the broker is down for eight hours from the slot on',
    lines: [[slot + 1, 'brokerDown', 29_000]],
    days: 2,
    want: outcomes('success', 'success'),
  },
  {
    name: 'H51 AlreadyRunning, and a crash after the patch',
    lines: [[9_000, 'backups']],
    prepare: crashAt(/backup apply .*pgbackups\/manual/, 'after', 4),
    want: ({ outcomes: all }) => assert.equal(all.filter((state) => state === 'error AlreadyRunning').length, 2),
  },
  {
    name: 'H52 timers are made and never fire',
    prepare: (_world, eventing) =>
      void Object.assign(eventing.quiet, { wanted: (purpose: string) => purpose === 'sweep' || purpose === 'probe' }),
    want: outcomes('success'),
  },
  {
    name: 'H54 H55 pages of one object, tokens that expire, a function that dies',
    pageCap: 1,
    days: 4,
    noise: { crash: 0.01 },
    lines: [
      [slot, 'expireTokens'],
      [slot + 230, 'expireTokens'],
      [day, 'expireTokens'],
    ],
    want: ({ backups }) => assert.equal(backups.length, 2),
  },
  {
    name: 'H56 the source restarts while PgBackups are made',
    lines: [
      [9_000, 'watchDown', 60, 0],
      [9_010, 'backup'],
    ],
    want: outcomes('success', 'success'),
  },
  {
    name: 'H59 the manager is deleted during a run',
    lines: [[slot + 2, 'deleteManager']],
    want: ({ database, outcomes: all, world }) => {
      assert.deepEqual(all, ['success']);
      assert.equal(database.bucket.entries.length, 1);
      assert.deepEqual(world.api.all('pingsources'), []);
    },
  },
  {
    name: 'H60 a PgBackup without any manager loses its add event',
    manager: undefined,
    lines: [
      [900, 'watchDown', 60, 1],
      [910, 'backup'],
    ],
    want: outcomes('success'),
  },
  {
    name: 'H64 forged events of every kind during a run',
    lines: [
      [slot + 1, 'forge', 0, 2],
      [slot + 3, 'forge', 0, 1],
      [50_000, 'forge', 0, 2],
    ],
    want: outcomes('success'),
  },
];

export const hardCases: readonly HardCase[] = [...slots, ...runs, ...rotations, ...others];

/** Shown by random scenarios when this was seen to happen in them: the situation itself, not only what may lead to it. */
export const seenInRandom: Readonly<Record<number, RegExp>> = {
  2: /two activations make the same PgBackup/,
  3: /missed NameTaken/,
  10: /missed TooLate/,
  12: /backup dies/,
  13: /late start refused: not-after/,
  14: /start refused: identity/,
  15: /cut after start/,
  17: /said: log lost/,
  18: /state error InitializationError/,
  19: /state error AlreadyRunning/,
  21: /state pending WaitingForRotation/,
  22: /reason OrphanStopped/,
  23: /stopped at its deadline/,
  24: /said: not restorable/,
  25: /said: listed only/,
  26: /said: not proved/,
  27: /details cannot be read/,
  28: /said: pod not ready/,
  29: /said: no replicas/,
  30: /stale write on a finished PgBackup/,
  40: /rotation refused/,
  42: /missed ScheduleConflict/,
  46: /rotation error/,
  48: /storage unavailable/,
  50: /reason Undelivered/,
  55: /a list token has expired/,
  61: /rotation success deleted/,
  64: /reason Ignored/,
};

/** What was written as `running` is written once more after the end: as it was decided, and from the newest version. */
function hangAtRunning({ api }: World): void {
  const apply = api.apply.bind(api);
  let hung: Parameters<typeof apply> | undefined;
  api.apply = (path, object, options) => {
    const written = apply(path, object, options);
    const { state } = (written['status'] ?? {}) as { state?: string };
    if (written.kind !== 'PgBackup') return written;
    if (state === 'running') hung ??= [path, object, options];
    if (state !== 'success' || hung === undefined) return written;
    const [, stale, how] = hung;
    const { resourceVersion } = written.metadata;
    const renewed = { ...stale, metadata: { ...(stale['metadata'] as object), resourceVersion } };
    assert.throws(() => apply(path, stale, how), /has been modified/);
    assert.throws(() => apply(path, renewed, how), /a finished PgBackup never changes/);
    return written;
  };
}

function restart(world: World): void {
  const database = onlyDatabase(world);
  database.lock = undefined;
  if (!database.volume) database.files.clear();
  database.ticks += 1;
  database.postmaster = Math.floor(world.scheduler.now() / 1000) + database.skew;
}

function manual(world: World): void {
  world.api.create('/apis/aidbox.pg/v01/namespaces/shop/pgbackups', {
    apiVersion: 'aidbox.pg/v01',
    kind: 'PgBackup',
    metadata: { name: 'manual', namespace: 'shop' },
    spec: { selector: { name: 'postgres' } },
  });
}

/** A person deletes all PgBackups and the delete events are lost. */
function removeAll(world: World): void {
  world.outages.watch = true;
  for (const { metadata } of world.api.all('pgbackups')) {
    world.oracle.forgiven.add(metadata.uid);
    world.api.remove(`/apis/aidbox.pg/v01/namespaces/shop/pgbackups/${metadata.name}`);
  }
  world.outages.watch = false;
}

/** Nothing can be made in the namespace any more; a minute later everything in it is gone. */
function terminate(world: World, seconds: number): void {
  const at = world.scheduler.now() + seconds * 1000;
  world.scheduler.at(at, () => world.api.terminate('shop'));
  world.scheduler.at(at + 60_000, () => {
    for (const { metadata } of world.api.all('pgmanagers')) {
      world.oracle.forgiven.add(metadata.uid);
      world.api.remove(`/apis/aidbox.pg/v01/namespaces/shop/pgmanagers/${metadata.name}`);
    }
  });
}
