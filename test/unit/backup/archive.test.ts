/** A stored backup that only lacks WAL waits for archiving: for how long, beside whom, and what is written meanwhile. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide } from '../../../functions/backup/decide.ts';
import type { Observation } from '../../../functions/backup/observation.ts';
import { archiveMark, gotOn, type ArchiveMark } from '../../../functions/domain/catalogue/archiving.ts';
import { parseCatalogue } from '../../../functions/domain/catalogue/catalogue.ts';
import { PgBackup, type PgBackupStatus } from '../../../functions/domain/resources/pg-backup.ts';
import type { CatalogueAnswer } from '../../../functions/domain/run/protocol.ts';
import { rfc3339 } from '../../../functions/domain/time.ts';
import { rotationStateOf } from '../../../functions/rotation/state.ts';
import {
  backup,
  catalogue,
  exitedOk,
  listed,
  manager,
  observe,
  saw,
  started,
} from '../../support/situations/backup.ts';
import { slot } from '../../support/situations/objects.ts';

const [minute, hour] = [60, 3600];
const [last, next] = ['000000010000000000000021', '000000010000000000000022'];

/** As archiving stands: the last segment of the backup waits. */
const behind: Partial<CatalogueAnswer> = { ready: [last], readyTotal: 1, oldestReady: last };

/** Waits since ten past the slot. */
const since = slot + 10 * minute;
const mark = { missing: 1, oldestReady: last, newestStored: next, progressTime: rfc3339(since) };

function waits(status: Partial<PgBackupStatus> = {}, bySlot = true): PgBackup {
  const one = started();
  const annotations = bySlot ? { 'aidbox.pg/slot': rfc3339(slot) } : {};
  return {
    ...one,
    metadata: { ...one.metadata, annotations },
    status: {
      ...one.status,
      reason: 'WaitingForArchive',
      message: 'base_000000010000000000000020 is stored; WAL 000000010000000000000021 is not archived yet',
      unprovenSince: rfc3339(since),
      announced: 'started',
      archive: mark,
      ...status,
    },
  };
}

function seen(answer: Partial<CatalogueAnswer>): Observation['waiting'] {
  return [{ uid: 'uid-daily', run: exitedOk, catalogue: catalogue([listed()], answer) }];
}

interface Outcome {
  readonly state: string;
  readonly message: string;
  readonly reason: string;
  readonly archive: PgBackupStatus['archive'];
}

/** What is written to the backup that waits; undefined when nothing is. */
function written(now: number, one: PgBackup, waiting: Observation['waiting']): Outcome | undefined {
  for (const command of decide(observe({ now, open: [one], waiting })).commands) {
    if (command.type !== 'applyStatus' || command.kind !== 'PgBackup') continue;
    const {
      archive,
      message = '',
      reason = '',
      state = '',
    } = PgBackup.parse({ ...one, status: command.status }).status;
    return { state, message, reason, archive };
  }
  return undefined;
}

test('H83 archiving is three minutes behind: the backup is proved when its WAL is there', () => {
  assert.equal(written(since + 3 * minute, waits(), seen({}))?.state, 'success');
});

test('H83 broken for a night and mended just before the end: success', () => {
  assert.equal(written(slot + 6 * hour - 1, waits(), seen({}))?.state, 'success');
  assert.equal(written(slot + 9 * hour, waits(), seen({}))?.state, 'success', 'a late look finds it proved as well');
});

const ends: readonly (readonly [string, PgBackup, number, 'waits' | 'error'])[] = [
  ['of a slot, a second before its starting deadline', waits(), slot + 6 * hour - 1, 'waits'],
  ['of a slot, at its starting deadline', waits(), slot + 6 * hour, 'error'],
  ['by a person, a second before an hour is over', waits({}, false), since + hour - 1, 'waits'],
  ['by a person, after an hour', waits({}, false), since + hour, 'error'],
  [
    'of a slot, past its deadline, with progress ten minutes less a second ago',
    waits({ archive: { ...mark, progressTime: rfc3339(slot + 6 * hour) } }),
    slot + 6 * hour + 10 * minute - 1,
    'waits',
  ],
  [
    'of a slot, past its deadline, ten minutes after the last progress',
    waits({ archive: { ...mark, progressTime: rfc3339(slot + 6 * hour) } }),
    slot + 6 * hour + 10 * minute,
    'error',
  ],
];

for (const [situation, one, now, want] of ends) {
  test(`H83 H24 never mended, ${situation}: ${want}`, () => {
    const outcome = written(now, one, seen(behind));
    if (want === 'waits') return assert.equal(outcome, undefined);
    assert.equal(outcome?.state, 'error');
    assert.match(
      outcome?.message ?? '',
      /^WalgError: base_000000010000000000000020 is stored but NOT restorable: WAL 000000010000000000000021 was not archived by \d\d:\d\d:\d\dZ\. Fix archive_command, then run a new backup\./,
    );
    return undefined;
  });
}

test('I7 H83 nothing is written while only time passes, whatever the archiver fails at', () => {
  const one = waits({ message: 'base_… is stored; WAL … is not archived yet; last failure 2022-01-02T06:09:00Z at …' });
  for (let now = since; now < slot + 6 * hour; now += 7 * minute) {
    const archiver = {
      failedCount: now,
      lastFailedWal: last,
      lastFailedTime: rfc3339(now),
      lastArchivedTime: rfc3339(slot),
    };
    assert.equal(written(now, one, seen({ ...behind, archiver })), undefined);
  }
});

test('H83 the first failure of the archiver is told once', () => {
  const archiver = { failedCount: 1, lastFailedWal: last, lastFailedTime: rfc3339(since + 30), lastArchivedTime: '' };
  const outcome = written(since + minute, waits(), seen({ ...behind, archiver }));
  assert.match(outcome?.message ?? '', /last failure 2022-01-02T06:10:30Z at 000000010000000000000021$/);
  assert.deepEqual(outcome?.archive, mark, 'it is no progress');
});

test('H83 a failure that something was archived after is over', () => {
  const archiver = {
    failedCount: 1,
    lastFailedWal: last,
    lastFailedTime: rfc3339(since),
    lastArchivedTime: rfc3339(since + 1),
  };
  assert.equal(written(since + minute, waits(), seen({ ...behind, archiver })), undefined);
});

test('H83 H133 progress is recorded, and moves the end', () => {
  const now = slot + 6 * hour + minute;
  const before = waits({ archive: { ...mark, missing: 2 } });
  const outcome = written(now, before, seen(behind));
  assert.deepEqual(outcome, {
    state: 'running',
    reason: 'WaitingForArchive',
    message: 'base_000000010000000000000020 is stored; WAL 000000010000000000000021 is not archived yet',
    archive: { ...mark, progressTime: rfc3339(now) },
  });
});

const marks: readonly (readonly [string, ArchiveMark, ArchiveMark, boolean])[] = [
  ['nothing moved', mark, mark, false],
  ['fewer segments are missing', { ...mark, missing: 2 }, mark, true],
  ['more segments are missing', mark, { ...mark, missing: 2 }, false],
  ['the first file that waits is a later one', mark, { ...mark, oldestReady: next }, true],
  ['nothing waits any more', mark, { ...mark, oldestReady: undefined }, true],
  ['a file waits now', { ...mark, oldestReady: undefined }, mark, false],
  ['a history file came in front', mark, { ...mark, oldestReady: '00000001.history' }, false],
  ['the history file is archived', { ...mark, oldestReady: '00000001.history' }, mark, true],
  [
    'H133 a newer segment is stored, and its name waits still',
    mark,
    { ...mark, newestStored: `${next.slice(0, -1)}3` },
    true,
  ],
  ['the storage cannot be seen now', mark, { ...mark, newestStored: undefined }, false],
];

for (const [situation, before, after, want] of marks) {
  test(`progress: ${situation}: ${want}`, () => assert.equal(gotOn(before, after), want));
}

const counts: readonly (readonly [string, Partial<CatalogueAnswer>, number])[] = [
  ['all is stored', {}, 0],
  ['the last waits', behind, 1],
  ['both wait', { ready: ['000000010000000000000020', last] }, 2],
  ['one waits and is missing', { ready: [last], wal: timeline('000000010000000000000001', next, [last]) }, 1],
  ['stored up to the first', { wal: timeline('000000010000000000000001', '000000010000000000000020') }, 1],
  ['stored from the last', { wal: timeline(last, next) }, 1],
  ['stored up to before the first', { wal: timeline('000000010000000000000001', '00000001000000000000001F') }, 2],
  ['stored from behind the last', { wal: timeline(next, next) }, 2],
  ['another timeline', { wal: timeline(next, next).replace('"id":1', '"id":2') }, 2],
];

function timeline(start: string, end: string, missing: readonly string[] = []): string {
  return JSON.stringify([{ id: 1, start_segment: start, end_segment: end, missing_segments: missing }]);
}

for (const [situation, answer, want] of counts) {
  test(`missing segments, ${situation}: ${want}`, () => {
    const read = catalogue([listed()], answer);
    assert.ok(read?.ok === true);
    const entries = parseCatalogue(read.value);
    assert.ok(entries.known && entries.entries[0] !== undefined);
    assert.equal(archiveMark(entries.entries[0], read.value).missing, want);
  });
}

test('H84 another backup of the StatefulSet starts while one waits, and stays running beside it', () => {
  const other = backup({ name: 'by-a-person', created: since });
  const { commands } = decide(
    observe({ now: since + minute, open: [waits(), other], waiting: seen(behind), podInspection: saw() }),
  );
  assert.ok(commands.some((command) => command.type === 'start' && command.request.id === other.metadata.uid));
  assert.ok(
    !commands.some((command) => command.type === 'applyStatus' && JSON.stringify(command).includes('AlreadyRunning')),
  );
});

test('H84 the lock that the run which waits still holds for a second fails nobody', () => {
  const other = backup({ name: 'by-a-person', created: since });
  const podInspection = saw({ holder: { id: 'uid-daily', kind: 'backup' } });
  const { commands } = decide(observe({ now: since, open: [waits(), other], waiting: seen(behind), podInspection }));
  assert.ok(!commands.some((one) => one.type === 'stop' || (one.type === 'applyStatus' && one.kind === 'PgBackup')));
});

test('H84 a rotation is due while a backup waits for its WAL, and waits for one that runs', () => {
  const success = PgBackup.parse({ ...backup({ name: 'served' }), status: { state: 'success' } });
  const lastSuccess = { name: 'served', uid: success.metadata.uid, finishTime: rfc3339(slot) };
  const owing = {
    ...manager.build(),
    status: { conditions: { backup: { lastSuccess } } },
  } as unknown as Parameters<typeof rotationStateOf>[0]['manager'];
  const kind = (one: PgBackup): string => rotationStateOf({ manager: owing, backups: [success, one], now: since }).kind;
  assert.deepEqual([kind(waits()), kind(started())], ['due', 'waiting']);
});

test('H83 storage that is silent proves nothing: it waits, and fails an hour after the last progress at the earliest', () => {
  const silent: Observation['waiting'] = [
    { uid: 'uid-daily', catalogue: { ok: false, problem: { kind: 'transient', message: 'no route' } } },
  ];
  assert.equal(written(slot + 6 * hour - 1, waits(), silent), undefined);
  const late = waits({ archive: { ...mark, progressTime: rfc3339(slot + 6 * hour) } });
  assert.equal(written(slot + 7 * hour - 1, late, silent), undefined);
  assert.match(written(slot + 7 * hour, late, silent)?.message ?? '', /^WalgError: finished but could not be proved/);
});
