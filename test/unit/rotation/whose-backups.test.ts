/**
 * Whose backups are deleted: two clusters on one prefix, an upgrade, a person's push, another history. Each situation is
 * what the rotation of StatefulSet postgres in namespace shop sees when day 10 has just been proved.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Command } from '../../../functions/domain/commands/command.ts';
import type { RotationCondition } from '../../../functions/domain/resources/pg-manager.ts';
import type { CatalogueAnswer } from '../../../functions/domain/run/protocol.ts';
import { rfc3339 } from '../../../functions/domain/time.ts';
import { decide } from '../../../functions/rotation/decide.ts';
import type { Observation } from '../../../functions/rotation/observation.ts';
import { catalogueOf, cluster } from '../../support/situations/pod.ts';
import {
  backup,
  failed,
  listed,
  manager,
  now,
  observe,
  stored,
  success,
  timeOf,
} from '../../support/situations/rotation.ts';

const minute = 60;
const production = '4c21e2aa-0d54-4b9b-b0b2-4a4c3e1c8f10';

type Listed = Record<string, unknown>;

function name(timeline: number, segment: number): string {
  const hex = (value: number, digits: number): string => value.toString(16).toUpperCase().padStart(digits, '0');
  return `base_${hex(timeline, 8)}${hex(segment, 16)}`;
}

/** By a run of ours since the user data name the cluster. */
function ours(at: number, shape: Listed = {}): Listed {
  return listed(at, { user_data: userData(`uid-day-${at}`, cluster), ...shape });
}

/** By aidboxops in another cluster with the same names. */
function theirs(at: number, shape: Listed = {}, by = production): Listed {
  return listed(at, { user_data: userData(`uid-theirs-${at}`, by), ...shape });
}

function userData(uid: string, of: string | undefined, names: object = {}): object {
  return { aidboxops: { uid, name: uid, namespace: 'shop', statefulSet: 'postgres', cluster: of, ...names } };
}

function days(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

interface Given {
  readonly retain?: number;
  readonly rotation?: { readonly adopt?: boolean; readonly adoptFrom?: readonly string[] };
  readonly condition?: RotationCondition;
  readonly entries: readonly Listed[];
  /** Days whose PgBackup is here, in success. */
  readonly proven?: readonly number[];
  readonly others?: Observation['backups'];
  readonly answer?: Partial<CatalogueAnswer>;
  readonly rest?: Partial<Observation>;
}

/** What was written and started, in short. */
interface Result {
  readonly brief: string;
  readonly message: string;
  readonly condition: RotationCondition;
}

function outcomeOf(given: Given): Result {
  const { commands } = decide(situation(given));
  const condition = conditionIn(commands);
  const deletes = `deletes ${(condition.planned?.names ?? []).map(shortName).join(' ')}`;
  const isStarted = commands.some(({ type }) => type === 'start');
  const brief = isStarted ? deletes : String(condition.log?.[0]?.state);
  return { brief, message: String(condition.message), condition };
}

function situation({ retain = 2, rotation = {}, condition, proven = [9, 10], ...given }: Given): Observation {
  const subject = manager({ retain, rotation, condition });
  return observe({
    manager: subject,
    managers: [subject],
    backups: [...proven.map((at) => success(at)), ...(given.others ?? [])],
    catalogue: { ok: true, value: { ...catalogueOf(now + 1, given.entries), ...given.answer } },
    ...given.rest,
  });
}

function conditionIn(commands: readonly Command[]): RotationCondition {
  const found = commands.find((command) => command.type === 'applyStatus');
  assert.ok(found?.type === 'applyStatus', 'no condition is written');
  return (found.status as { conditions: { rotation: RotationCondition } }).conditions.rotation;
}

/** `8` of timeline 1, `2/8` of another; whatever is odd stays as it is. */
function shortName(text: string): string {
  const [, timeline, segment] = /^base_([0-9A-F]{8})([0-9A-F]{16})$/.exec(text) ?? [];
  if (timeline === undefined || segment === undefined) return text;
  const [branch, at] = [Number.parseInt(timeline, 16), Number.parseInt(segment, 16)];
  return branch === 1 ? String(at) : `${branch}/${at}`;
}

/** Production stores thirty backups, the newest five minutes ago. */
const thirty = days(-20, 9).map((at) =>
  listed(at, {
    backup_name: name(1, at + 100),
    finish_time: rfc3339(timeOf(at) + 86_400 - 5 * minute),
    user_data: userData(`uid-production-${at}`, undefined),
  }),
);

/** Restored from production and promoted: its own two are of timeline 2, of yesterday and of now. */
const staging: Given = {
  entries: [...thirty, ours(9, { backup_name: name(2, 300) }), ours(10, { backup_name: name(2, 301) })],
  proven: [],
  others: [success(9, { backup: { name: name(2, 300) } }), success(10, { backup: { name: name(2, 301) } })],
  answer: { timeline: 2, history: ['1\t0/12C000000\tno recovery target specified'] },
};

/** As a pod answers that has no segment in pg_wal. */
const noTimeline = { timeline: undefined } as unknown as Partial<CatalogueAnswer>;

interface Case {
  readonly name: string;
  readonly given: Given;
  readonly want: string;
  readonly wantMessage?: RegExp;
}

const formatOne = (entries: readonly Listed[]): Listed[] =>
  entries.map((entry) => ({
    ...entry,
    user_data: {
      aidboxops: { ...(entry['user_data'] as { aidboxops: object }).aidboxops, cluster: undefined },
    },
  }));

const cases: readonly Case[] = [
  {
    name: 'H65 staging keeps two in the prefix of production, whose newest is five minutes old: all thirty stay',
    given: { ...staging, entries: formatOne(staging.entries) },
    want: 'refused',
    wantMessage:
      /^refused: base_\w+ would be deleted although it is newer than a backup that would stay: it is not ours, .* Give each a storage prefix of its own\.$/,
  },
  {
    name: 'H65 adopting is no way around that',
    given: { ...staging, rotation: { adopt: true }, entries: formatOne(staging.entries) },
    want: 'refused',
  },
  {
    name: 'H65 production says of which cluster it is: the refusal prints its UID',
    given: {
      ...staging,
      rotation: { adopt: true },
      entries: [
        ...thirty.map((entry, at) => ({ ...entry, user_data: userData(`uid-production-${at}`, production) })),
        ...staging.entries.slice(30),
      ],
    },
    want: 'refused',
    wantMessage: new RegExp(
      `^refused: 30 of 32 stored backups are of another installation \\(namespace UID ${production}, newest 2022-01-02T06:01:16Z\\)\\. Give each a storage prefix of its own, or take them over: spec\\.rotation\\.adoptFrom\\.$`,
    ),
  },
  {
    name: 'H65 named in adoptFrom too soon: what is newer than the oldest that stays stays all the same',
    given: {
      ...staging,
      rotation: { adoptFrom: [production] },
      entries: [
        ...thirty.map((entry, at) => ({ ...entry, user_data: userData(`uid-production-${at}`, production) })),
        ...staging.entries.slice(30),
      ],
    },
    want: 'refused',
    wantMessage: /would be deleted although it is newer than a backup that would stay/,
  },
  {
    name: 'H66 a second cluster with the same names on the same timeline, between whose backups ours lie',
    given: {
      retain: 3,
      rotation: { adopt: true },
      proven: [],
      others: days(8, 10).map((at) => success(at, { backup: { name: name(1, at + 80) } })),
      entries: [
        ...days(-20, 7).map((at) => theirs(at, { backup_name: name(1, at + 30) })),
        ...days(8, 10).map((at) => ours(at, { backup_name: name(1, at + 80) })),
        theirs(9, { backup_name: name(1, 70), finish_time: rfc3339(timeOf(9) + 60) }),
      ],
    },
    want: 'refused',
    wantMessage: /^refused: 29 of 32 stored backups are of another installation \(namespace UID 4c21/,
  },
  {
    name: 'H66 the other one keeps a single backup: its own new ones are no reason to delete ours of the day before',
    given: {
      retain: 1,
      rotation: { adopt: true },
      entries: [
        theirs(8),
        ours(9),
        theirs(9, { backup_name: `${stored(9)}_D_${stored(8).slice(5)}`, finish_time: rfc3339(timeOf(9) + 60) }),
        ours(10),
      ],
    },
    want: 'refused',
    wantMessage: /are of another installation/,
  },
  {
    name: 'H67 the database was rebuilt: what its former life stored is not ours, and stays unasked',
    given: { entries: [theirs(7), theirs(8), ours(9), ours(10)] },
    want: 'refused',
    wantMessage: /^refused: 2 of 4 stored backups are not ours \(oldest 2021-12-30\)\. Set spec\.rotation\.adopt: true/,
  },
  {
    name: 'H67 adopted, the backups of the former life go when they are older than what stays',
    given: { rotation: { adopt: true }, entries: [theirs(7), theirs(8), ours(9), ours(10)] },
    want: 'deletes 7 8',
  },
  {
    name: 'H67 they never count towards what stays',
    given: { retain: 3, rotation: { adopt: true }, entries: [theirs(7), theirs(8), ours(9), ours(10)] },
    want: 'success',
  },
  {
    name: 'H67 the StatefulSet was renamed: the same',
    given: {
      rotation: { adopt: true },
      entries: [listed(8, { user_data: userData('uid-old', cluster, { statefulSet: 'pg' }) }), ours(9), ours(10)],
    },
    want: 'deletes 8',
  },
  {
    name: 'H89 an entry without system identifier stands in the way of a plan that would delete it',
    given: {
      proven: [8, 9, 10],
      entries: [ours(7, { system_identifier: null, start_lsn: null }), ours(8), ours(9), ours(10)],
    },
    want: 'refused',
    wantMessage: new RegExp(
      `not ours \\(oldest 2021-12-30; details of ${stored(7)} cannot be read\\)\\. Set spec\\.rotation\\.adopt`,
    ),
  },
  {
    name: 'H89 adopted, it goes',
    given: {
      rotation: { adopt: true },
      proven: [8, 9, 10],
      entries: [ours(7, { system_identifier: null, start_lsn: null }), ours(8), ours(9), ours(10)],
    },
    want: 'deletes 7 8',
  },
  {
    name: 'H89 one that stays stands in nobody’s way',
    given: {
      proven: [8, 9, 10],
      entries: [
        ours(8),
        ours(9),
        theirs(9, {
          backup_name: name(1, 9).replace('base_', 'base-'),
          is_permanent: null,
          system_identifier: null,
          finish_time: rfc3339(timeOf(9) + 60),
        }),
        ours(10),
      ],
    },
    want: 'deletes 8',
  },
  {
    name: 'H89 an odd name that is older than what stays is named',
    given: { proven: [8, 9, 10], entries: [listed(7, { backup_name: 'before-the-move' }), ours(8), ours(9), ours(10)] },
    want: 'refused',
    wantMessage: /details of before-the-move cannot be read/,
  },
  {
    name: 'H89 adopted, an odd name stands in the way of nothing',
    given: {
      rotation: { adopt: true },
      proven: [8, 9, 10],
      entries: [listed(7, { backup_name: 'before-the-move' }), ours(8), ours(9), ours(10)],
    },
    want: 'deletes 8',
  },
  {
    name: 'H122 no entry names a cluster after the upgrade, and one PgBackup was deleted: rotation goes on',
    given: { proven: [7, 9, 10], retain: 2, entries: [listed(7), listed(9), listed(10)] },
    want: 'deletes 7',
  },
  {
    name: 'H122 the one whose PgBackup was deleted is not taken for another installation’s',
    given: {
      retain: 30,
      proven: days(1, 10).filter((at) => at !== 6),
      entries: days(1, 10).map((at) => listed(at)),
    },
    want: 'success',
  },
  {
    name: 'H122 old and new entries side by side are one installation’s',
    given: { proven: [7, 8, 9, 10], retain: 2, entries: [listed(7), listed(8), ours(9), ours(10)] },
    want: 'deletes 7 8',
  },
  {
    name: 'H122 a run that failed before the upgrade is known by its PgBackup',
    given: {
      proven: [9, 10],
      others: [failed(8)],
      entries: [listed(8, { user_data: userData('uid-failed-08', undefined) }), listed(9), listed(10)],
    },
    want: 'deletes 8',
  },
  {
    name: 'H123 a permanent backup that stays after the cutoff shows since when we store ours, too',
    given: {
      rotation: { adopt: true },
      proven: [7, 9, 10],
      entries: [theirs(6), ours(7), ours(9, { is_permanent: true, finish_time: rfc3339(timeOf(5)) }), ours(10)],
    },
    want: 'refused',
    wantMessage: /are of another installation/,
  },
  {
    name: 'H123 fail-back: the backups of the other side lie between ours',
    given: {
      retain: 3,
      proven: [5, 6, 9, 10],
      entries: [ours(4), ours(5), ours(6), theirs(7), theirs(8), ours(9), ours(10)],
    },
    want: 'refused',
    wantMessage: /^refused: 2 of 7 stored backups are of another installation .* spec\.rotation\.adoptFrom\.$/,
  },
  {
    name: 'H123 adopt does not cover the other side',
    given: {
      retain: 2,
      rotation: { adopt: true },
      proven: [6, 9, 10],
      entries: [ours(6), theirs(7), theirs(8), ours(9), ours(10)],
    },
    want: 'refused',
  },
  {
    name: 'H123 named in adoptFrom it is taken over, and goes with ours',
    given: {
      retain: 2,
      rotation: { adoptFrom: [production] },
      proven: [6, 9, 10],
      entries: [ours(6), theirs(7), theirs(8), ours(9), ours(10)],
    },
    want: 'deletes 6 7 8',
  },
  {
    name: 'H123 a third one is not taken over with it',
    given: {
      retain: 3,
      rotation: { adoptFrom: [production] },
      proven: [6, 9, 10],
      entries: [ours(6), theirs(7), theirs(8, {}, 'a-third-one'), ours(9), ours(10)],
    },
    want: 'refused',
    wantMessage: /^refused: 1 of 5 stored backups are of another installation \(namespace UID a-third-one,/,
  },
  {
    name: 'H131 a push by a person between two of ours holds up nothing',
    given: {
      proven: [8, 9, 10],
      entries: [
        ours(8),
        ours(9),
        listed(9, {
          backup_name: name(1, 9).replace(/9$/, 'A'),
          user_data: null,
          finish_time: rfc3339(timeOf(9) + 60),
        }),
        ours(10, { backup_name: name(1, 11) }),
      ],
      others: [],
      rest: { backups: [success(8), success(9), success(10, { backup: { name: name(1, 11) } })] },
    },
    want: 'deletes 8',
  },
  {
    name: 'H131 until it would be deleted',
    given: { proven: [8, 9, 10], entries: [listed(7, { user_data: null }), ours(8), ours(9), ours(10)] },
    want: 'refused',
    wantMessage: /^refused: 1 of 4 stored backups are not ours/,
  },
  {
    name: 'H132 back in time three days, in the same prefix: what the new history rests on stays until three are on it',
    given: {
      retain: 3,
      proven: days(4, 9),
      others: [success(10, { backup: { name: name(2, 7) } })],
      entries: [
        ...days(4, 9).map((at) => ours(at, { finish_lsn: at * 0x1000000 })),
        ours(10, { backup_name: name(2, 7) }),
      ],
      answer: { timeline: 2, history: ['1\t0/6800000\tbefore 2021-12-29 12:00:00+00'] },
    },
    want: 'deletes 4',
  },
  {
    name: 'H132 with three on the new history the other one goes',
    given: {
      retain: 3,
      condition: { warned: { cut: name(2, 7), count: 3, for: 'uid-day-9' } },
      proven: [6, 7],
      others: days(8, 10).map((at) => success(at, { backup: { name: name(2, at) } })),
      entries: [ours(6), ours(7), ...days(8, 10).map((at) => ours(at, { backup_name: name(2, at) }))],
      answer: { timeline: 2, history: ['1\t0/1\tx'] },
    },
    want: 'deletes 6 7',
  },
  {
    name: 'H132 without the history of the present timeline, only what is on it counts',
    given: {
      retain: 2,
      proven: [7, 8, 9],
      others: [success(10, { backup: { name: name(2, 7) } })],
      entries: [ours(7), ours(8), ours(9), ours(10, { backup_name: name(2, 7) })],
      answer: { timeline: 2, history: [] },
    },
    want: 'success',
  },
  {
    name: 'H132 a database that does not tell its timeline deletes nothing',
    given: { entries: [ours(8), ours(9), ours(10)], answer: noTimeline },
    want: 'error',
    wantMessage: /the timeline of the database is not known/,
  },
  {
    name: 'the UID of the Namespace cannot be read: nothing is deleted, and the message says what is missing',
    given: {
      entries: [ours(8), ours(9), ours(10)],
      rest: {
        namespaceIdentity: { known: false, why: 'ServiceAccount aidboxops/rotation may not "get" Namespace shop.' },
      },
    },
    want: 'refused',
    wantMessage: /^refused: NamespaceUnknown: ServiceAccount aidboxops\/rotation may not "get" Namespace shop\.$/,
  },
  {
    name: 'a failed run of ours that ended after the oldest that stays is deleted: it stands for nothing',
    given: {
      proven: [9, 10],
      others: [failed(8)],
      entries: [
        listed(8, { user_data: userData('uid-failed-08', cluster), finish_time: rfc3339(timeOf(9) + 60) }),
        ours(9),
        ours(10),
      ],
    },
    want: 'deletes 8',
  },
  {
    name: 'one of ours that nobody knows any more is not: it may be what somebody keeps',
    given: {
      proven: [9, 10],
      entries: [ours(8, { finish_time: rfc3339(timeOf(9) + 60) }), ours(9), ours(10)],
    },
    want: 'refused',
    wantMessage: /would be deleted although it is newer than a backup that would stay: names do not follow time/,
  },
  {
    name: 'an old permanent backup is no measure of what is new',
    given: { proven: [6, 8, 9, 10], entries: [ours(6, { is_permanent: true }), ours(8), ours(9), ours(10)] },
    want: 'deletes 8',
  },
];

for (const { name: title, given, want, wantMessage } of cases) {
  test(title, () => {
    const { brief, message } = outcomeOf(given);
    assert.equal(brief, want, message);
    if (wantMessage !== undefined) assert.match(message, wantMessage);
  });
}

const many = days(1, 10);

test('more than half of the proven at once is announced first, and nothing is deleted', () => {
  const { brief, condition } = outcomeOf({ retain: 3, proven: many, entries: many.map((at) => ours(at)) });
  assert.equal(brief, 'refused');
  assert.deepEqual(condition.warned, { cut: stored(8), count: 7, for: 'uid-day-10' });
  assert.equal(
    condition.message,
    '7 of 10 proved backups would go at once (numberToRetain is 3 now): done with the next success unless you raise it again',
  );
  assert.equal(condition.servedBackup, 'uid-day-10');
});

test('two at once are what one rotation that did not take place leaves: that is not told', () => {
  const given: Given = { retain: 1, proven: [8, 9, 10], entries: [ours(8), ours(9), ours(10)] };
  assert.equal(outcomeOf(given).brief, 'deletes 8 9');
});

const told = { warned: { cut: stored(7), count: 6, for: 'uid-day-9' } };

test('with the next success it is done, and the one that the day adds with it', () => {
  const given: Given = { retain: 3, proven: many, entries: many.map((at) => ours(at)), condition: told };
  assert.equal(outcomeOf(given).brief, 'deletes 1 2 3 4 5 6 7');
});

test('more than was told is told again', () => {
  const { brief, condition } = outcomeOf({
    retain: 2,
    proven: many,
    entries: many.map((at) => ours(at)),
    condition: told,
  });
  assert.equal(brief, 'refused');
  assert.equal(condition.warned?.count, 8);
});

test('numberToRetain was raised again: nothing goes, and the warning is forgotten', () => {
  const { brief, condition } = outcomeOf({
    retain: 10,
    proven: many,
    entries: many.map((at) => ours(at)),
    condition: told,
  });
  assert.equal(brief, 'success');
  assert.equal(condition.warned, undefined);
});

test('an attempt that fails does not forget what was told', () => {
  const { condition } = outcomeOf({
    proven: many,
    entries: many.map((at) => ours(at)),
    condition: told,
    answer: { plain: true },
  });
  assert.deepEqual(condition.warned, told.warned);
});

test('a chain that ends takes its deltas with it: that is usual, and not told', () => {
  const delta = (at: number, base: number): string => `${stored(at)}_D_${stored(base).slice(5)}`;
  const chain = [6, 7, 8, 9].map((at) => ours(at, { backup_name: at === 6 ? stored(6) : delta(at, at - 1) }));
  const others = [7, 8, 9].map((at) => success(at, { backup: { name: delta(at, at - 1) } }));
  const given: Given = { retain: 1, proven: [6, 10], others, entries: [...chain, ours(10)] };
  assert.match(outcomeOf(given).brief, /^deletes 6 /);
});

test('H134 the same name was stored again: the old PgBackup is warned of, once', () => {
  const again = success(10, { backup: { name: stored(9) } });
  const observation = observe({
    backups: [success(8), success(9), again],
    catalogue: { ok: true, value: catalogueOf(now + 1, [ours(8), ours(10, { backup_name: stored(9) })]) },
  });
  const events = decide(observation).commands.filter(({ type }) => type === 'recordEvent');
  assert.equal(events.length, 2);
  assert.match(JSON.stringify(events[0]), new RegExp(`BackupVanished.*day-9|day-9.*BackupVanished`));
  assert.match(JSON.stringify(events[0]), new RegExp(`${stored(9)} was stored again by another run`));
  const { missing } = conditionIn(decide(observation).commands);
  assert.deepEqual(missing, ['day-9']);
  const next = observe({ ...observation, manager: manager({ condition: { missing: ['day-9'] } }) });
  assert.ok(decide(next).commands.every(({ type }) => type !== 'recordEvent'));
});

test('H134 a name that was deleted and stored again: the PgBackup of the new one stays', () => {
  const newer = backup('later', { state: 'success', announced: 'success', backup: { name: stored(8) } });
  const later = { ...newer, metadata: { ...newer.metadata, creationTimestamp: rfc3339(now + 60) } };
  const outbox = [{ id: 'uid-day-10-1', outcome: 'success' as const, message: 'x', deleted: [stored(8)] }];
  const { commands } = decide(
    observe({
      manager: manager({ condition: { servedBackup: 'uid-day-10', outbox } }),
      backups: [success(8), success(10), later],
    }),
  );
  const removed = commands.flatMap((command) => (command.type === 'removeBackup' ? [command.target.name] : []));
  assert.deepEqual(removed, ['day-8']);
});

test('H89 a PgBackup whose entry cannot be read has not vanished', () => {
  const { condition } = outcomeOf({
    retain: 5,
    proven: [8, 9, 10],
    entries: [ours(8, { system_identifier: null, user_data: null }), ours(9), ours(10)],
  });
  assert.equal(condition.missing, undefined);
});
