/** What is true of a manager → what is created, written and told. Numbers are those of the traces that break naive versions. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Command, Decision } from '../../../functions/domain/commands/command.ts';
import type { ScheduleStatus } from '../../../functions/domain/resources/pg-manager.ts';
import { decide, needsNoWork } from '../../../functions/schedule/decide.ts';
import { type Observation } from '../../../functions/schedule/observation.ts';
import { brief } from '../../support/situations/brief.ts';
import { aBackup, aManager, slot, type ManagerBuilder } from '../../support/situations/objects.ts';

const name = 'pg-manager-backup-at-2022-01-02t06-00-00z';

const settled: ScheduleStatus = {
  at: '06:00:00',
  suspended: false,
  since: '2022-01-01T06:00:00Z',
  nextSlot: '2022-01-02T06:00:00Z',
  message: 'waiting for the next slot',
};
const ran: ScheduleStatus = { ...settled, lastSlot: '2022-01-02T06:00:00Z', nextSlot: '2022-01-03T06:00:00Z' };

const involved = {
  apiVersion: 'aidbox.pg/v01',
  kind: 'PgManager',
  name: 'pg-manager',
  namespace: 'shop',
  uid: 'uid-pg-manager',
};

const suspended: ScheduleStatus = {
  at: '06:00:00',
  suspended: true,
  since: '2022-01-02T05:59:00Z',
  message: 'suspended by spec.backup.suspend; no backup yet',
};

/** The slot was missed for this reason, and no other. */
function missedBy(reason: string): NonNullable<ScheduleStatus['missed']> {
  return { count: 1, last: [{ slot: '2022-01-02T06:00:00Z', first: '2022-01-02T06:00:00Z', count: 1, reason }] };
}

const taken = `1 slot missed: a PgBackup of the name ${name} is there already and is not of this PgManager (last 2022-01-02T06:00:00Z). Delete it or leave it; the next slot has another name.`;
const conflict =
  '1 slot missed: an older PgManager has the same selector "postgres" and only its slots run (last 2022-01-02T06:00:00Z). Delete or suspend one of the two.';

/** Missed on the second, told up to the first. */
const missedOne = {
  ...ran,
  message: '1 slot missed: nothing could start within 6h of it (last 2022-01-02T06:00:00Z)',
  missed: missedBy('TooLate'),
};

function observe(manager: ManagerBuilder, shape: Partial<Observation> = {}): Observation {
  const read = manager.build();
  return { now: slot, manager: read, ticked: false, sameSelector: [read], ownBackups: new Set(), ...shape };
}

/** Shows Kubernetes Events with their messages. */
function inWords(command: Command): string {
  return command.type === 'recordEvent' ? `${brief(command)}: ${String(command.event['message'])}` : brief(command);
}

function scheduleOf(commands: readonly Command[]): ScheduleStatus | undefined {
  const found = commands.find((command) => command.type === 'applyStatus');
  return found?.type === 'applyStatus' ? (found.status as { schedule: ScheduleStatus }).schedule : undefined;
}

interface Case {
  readonly given: Observation;
  /** None unless it says otherwise. */
  readonly wantCommands?: readonly string[];
  /** `again` unless it says otherwise. */
  readonly wantNext?: Decision['next'];
  /** The schedule that is written. */
  readonly wantStatus?: ScheduleStatus;
}

const older = aManager('older')
  .created(slot - 2 * 86_400)
  .build();

const cases: Readonly<Record<string, Case>> = {
  'first sight: since is the creation, nothing starts': {
    given: observe(aManager().created(slot - 60), { now: slot - 59 }),
    wantCommands: ['status pg-manager'],
    wantStatus: { ...settled, since: '2022-01-02T05:59:00Z' },
  },
  'settled: only the timer is looked after': {
    given: observe(aManager().schedule(settled), { now: slot - 60 }),
    wantCommands: ['timer slot pg-manager'],
    wantNext: 'done',
  },
  'a due slot: the PgBackup first, then the cursor': {
    given: observe(aManager().schedule(settled)),
    wantCommands: [`create ${name}`, 'status pg-manager'],
    wantStatus: ran,
  },
  'H1 H2 the slot has its PgBackup, of this manager: only the cursor moves': {
    given: observe(aManager().schedule(settled), {
      slotBackup: aBackup(name).labels({ 'aidbox.pg/manager-uid': 'uid-pg-manager' }).build(),
    }),
    wantCommands: ['status pg-manager'],
    wantStatus: ran,
  },
  'H1 it ran before an outage longer than the deadline: found by its name, not missed': {
    given: observe(aManager().schedule(settled), { now: slot + 30_000, ownBackups: new Set([name]) }),
    wantCommands: ['status pg-manager'],
    wantStatus: ran,
  },
  "H3 the slot's name is a person's: missed, the cursor moves": {
    given: observe(aManager().schedule(settled), { slotBackup: aBackup(name).build() }),
    wantCommands: ['status pg-manager'],
    wantStatus: {
      ...ran,
      message: taken,
      missed: missedBy('NameTaken'),
    },
  },
  "H4 the slot's name is that of a deleted manager of the same name: missed, no second run": {
    given: observe(
      aManager()
        .uid('uid-new')
        .created(slot - 2),
      {
        slotBackup: aBackup(name).labels({ 'aidbox.pg/manager-uid': 'uid-pg-manager' }).build(),
      },
    ),
    wantCommands: ['status pg-manager'],
    wantStatus: {
      ...ran,
      since: '2022-01-02T05:59:58Z',
      message: taken,
      missed: missedBy('NameTaken'),
    },
  },
  'H42 an older manager has the same selector: only its slots run': {
    given: observe(aManager().schedule(settled), { sameSelector: [aManager().build(), older] }),
    wantCommands: ['status pg-manager'],
    wantStatus: {
      ...ran,
      message: conflict,
      missed: missedBy('ScheduleConflict'),
    },
  },
  'an older manager that is being deleted is no rival': {
    given: observe(aManager().schedule(settled), {
      sameSelector: [
        aManager().build(),
        aManager('older')
          .created(slot - 2 * 86_400)
          .deleting(slot)
          .build(),
      ],
    }),
    wantCommands: [`create ${name}`, 'status pg-manager'],
    wantStatus: ran,
  },
  'too late: missed and written': {
    given: observe(aManager().schedule(settled), { now: slot + 21_601 }),
    wantCommands: ['status pg-manager'],
    wantStatus: missedOne,
  },
  'a missed slot is told by Event and CloudEvent, then recorded as told': {
    given: observe(aManager().schedule(missedOne), { now: slot + 21_601 }),
    wantCommands: [
      'timer slot pg-manager',
      `event Warning SlotMissed on pg-manager: ${missedOne.message}`,
      'post backup.missed uid-pg-manager/missed/2022-01-02T06:00:00Z, then status pg-manager',
    ],
  },
  'a missed slot that was told is quiet': {
    given: observe(
      aManager().schedule({ ...missedOne, missed: { ...missedOne.missed, announced: '2022-01-02T06:00:00Z' } }),
      { now: slot + 21_601 },
    ),
    wantCommands: ['timer slot pg-manager'],
    wantNext: 'done',
  },
  'H8 a cursor in the future is set back, loudly': {
    given: observe(aManager().schedule({ ...ran, lastSlot: '2022-02-01T06:00:00Z' }), { now: slot + 60 }),
    wantCommands: [
      'status pg-manager',
      'event Warning CursorReset on pg-manager: the last resolved slot was in the future (2022-02-01T06:00:00Z); set back to 2022-01-02T06:01:00Z',
    ],
    wantStatus: {
      ...settled,
      since: '2022-01-02T06:01:00Z',
      lastSlot: '2022-01-02T06:00:00Z',
      nextSlot: '2022-01-03T06:00:00Z',
    },
  },
  'H9 a tick four seconds early waits for its slot': {
    given: observe(aManager().schedule(settled), { now: slot - 4 }),
    wantCommands: ['post wake uid-pg-manager/wake/2022-01-02T06:00:00Z'],
    wantNext: 'wait',
  },
  'its own tick shows that the timer is there': {
    given: observe(aManager().schedule(ran), { ticked: true }),
    wantNext: 'done',
  },
  'H9 after an early tick the slot itself brings nothing': {
    given: observe(aManager().schedule(ran)),
    wantCommands: ['timer slot pg-manager'],
    wantNext: 'done',
  },
  'suspended: said so, with the last backup': {
    given: observe(
      aManager()
        .suspended()
        .schedule(settled)
        .condition('backup', { lastSuccess: { name: 'b', uid: 'u', finishTime: '2021-12-21T06:06:16Z' } }),
      { now: slot - 60 },
    ),
    wantCommands: ['status pg-manager'],
    wantStatus: { ...suspended, message: 'suspended by spec.backup.suspend; last backup 2021-12-21T06:06:16Z' },
  },
  'suspended: no timer': {
    given: observe(
      aManager()
        .suspended()
        .schedule({ ...suspended, since: '2022-01-01T06:00:00Z' }),
      { now: slot - 60 },
    ),
    wantCommands: ['no timer aidboxops-slot-uid-pg-manager'],
    wantNext: 'done',
  },
  'two slots too late: told as one settling': {
    given: observe(
      aManager()
        .created(slot - 2 * 86_400)
        .schedule({ ...settled, since: '2021-12-31T06:00:00Z' }),
      {
        now: slot + 21_601,
      },
    ),
    wantCommands: ['status pg-manager'],
    wantStatus: {
      ...ran,
      since: '2021-12-31T06:00:00Z',
      message: '2 slots missed: nothing could start within 6h of them (last 2022-01-02T06:00:00Z)',
      missed: { count: 2, last: [{ ...missedOne.missed.last[0]!, first: '2022-01-01T06:00:00Z', count: 2 }] },
    },
  },
  'of two slots too late one had run before: only the other is missed': {
    given: observe(
      aManager()
        .created(slot - 2 * 86_400)
        .schedule({ ...settled, since: '2021-12-31T06:00:00Z' }),
      {
        now: slot + 21_601,
        ownBackups: new Set(['pg-manager-backup-at-2022-01-01t06-00-00z']),
      },
    ),
    wantCommands: ['status pg-manager'],
    wantStatus: { ...missedOne, since: '2021-12-31T06:00:00Z' },
  },
  'suspended while a slot was due: missed, for that reason': {
    given: observe(aManager().suspended().schedule(settled), { now: slot + 1 }),
    wantCommands: ['status pg-manager'],
    wantStatus: {
      ...suspended,
      since: '2022-01-02T06:00:01Z',
      lastSlot: '2022-01-02T06:00:00Z',
      missed: missedBy('Suspended'),
    },
  },
  'suspended, and no backup has ever succeeded': {
    given: observe(aManager().suspended().schedule(settled).condition('backup', { status: 'error' }), {
      now: slot - 60,
    }),
    wantCommands: ['status pg-manager'],
    wantStatus: suspended,
  },
  'a missed slot is the message only until a later one has run': {
    given: observe(
      aManager().schedule({
        ...ran,
        missed: {
          count: 1,
          last: [{ slot: '2022-01-01T06:00:00Z', first: '2022-01-01T06:00:00Z', count: 1, reason: 'TooLate' }],
          announced: '2022-01-01T06:00:00Z',
        },
      }),
    ),
    wantCommands: ['timer slot pg-manager'],
    wantNext: 'done',
  },
  'a slot that suspension made miss is told': {
    given: observe(
      aManager()
        .suspended()
        .schedule({
          ...suspended,
          since: '2022-01-02T06:00:01Z',
          lastSlot: '2022-01-02T06:00:00Z',
          missed: missedBy('Suspended'),
        }),
      { now: slot + 60 },
    ),
    wantCommands: [
      'no timer aidboxops-slot-uid-pg-manager',
      'event Warning SlotMissed on pg-manager: 1 slot missed: it was suspended before anything could start (last 2022-01-02T06:00:00Z)',
      'post backup.missed uid-pg-manager/missed/2022-01-02T06:00:00Z, then status pg-manager',
    ],
  },
  'H42 the conflict is told under its own reason': {
    given: observe(
      aManager().schedule({
        ...ran,
        message: conflict,
        missed: missedBy('ScheduleConflict'),
      }),
    ),
    wantCommands: [
      'timer slot pg-manager',
      `event Warning ScheduleConflict on pg-manager: ${conflict}`,
      'post backup.missed uid-pg-manager/missed/2022-01-02T06:00:00Z, then status pg-manager',
    ],
  },
  'H8 a stored beginning in the future is set back as well': {
    given: observe(aManager().schedule({ ...settled, since: '2022-02-01T06:00:00Z' }), { now: slot + 60 }),
    wantCommands: [
      'status pg-manager',
      'event Warning CursorReset on pg-manager: the last resolved slot was in the future (2022-02-01T06:00:00Z); set back to 2022-01-02T06:01:00Z',
    ],
    wantStatus: { ...ran, since: '2022-01-02T06:01:00Z' },
  },
  'H8 so is a creation in the future': {
    given: observe(aManager().created(slot + 3600), { now: slot + 60 }),
    wantCommands: [
      'status pg-manager',
      'event Warning CursorReset on pg-manager: the last resolved slot was in the future (2022-01-02T07:00:00Z); set back to 2022-01-02T06:01:00Z',
    ],
    wantStatus: { ...ran, since: '2022-01-02T06:01:00Z' },
  },
  'H5 at changed just after a slot: the slot runs, then the new time applies': {
    given: observe(aManager().at('07:00:00').schedule(settled), { now: slot + 1 }),
    wantCommands: [`create ${name}`, 'status pg-manager'],
    wantStatus: { ...ran, at: '07:00:00', since: '2022-01-02T06:00:01Z', nextSlot: '2022-01-02T07:00:00Z' },
  },
};

for (const [title, { given, wantCommands = [], wantNext = 'again', wantStatus }] of Object.entries(cases)) {
  test(title, () => {
    const decision = decide(given);
    assert.deepEqual(decision.commands.map(inWords), wantCommands);
    assert.equal(decision.next, wantNext);
    assert.deepEqual(scheduleOf(decision.commands), wantStatus);
  });
}

for (const [title, manager, want] of [
  ['never seen', aManager(), false],
  ['done', aManager().schedule(settled), true],
  ['settled up to a slot', aManager().schedule(ran), true],
  ['settled after its last slot', aManager().schedule({ ...ran, since: '2022-01-02T12:00:00Z' }), true],
  ['another time is wished', aManager().at('07:00:00').schedule(ran), false],
  ['suspension is wished', aManager().suspended().schedule(ran), false],
  ['something is not told yet', aManager().schedule(missedOne), false],
  ['the message is behind', aManager().schedule({ ...ran, message: 'another' }), false],
] as const) {
  test(`what an event shows is ${want ? '' : 'not '}settled: ${title}`, () =>
    assert.equal(needsNoWork(manager.build()), want));
}

test('a missed slot is told with all that is known of it', () => {
  const { commands } = decide(observe(aManager().schedule(missedOne), { now: slot + 21_601 }));
  const [timer, record, post] = commands;
  assert.ok(timer?.type === 'applyTimer' && record?.type === 'recordEvent' && post?.type === 'post');
  assert.deepEqual(timer.timer.owner, involved);
  assert.equal(timer.timer.schedule, '56 59 5 * * *');
  assert.deepEqual(timer.timer.data, { namespace: 'shop', name: 'pg-manager' });
  assert.equal(record.event.metadata.name, 'aidboxops-uid-pg-manager-missed-1641103200');
  assert.equal(record.event['reportingComponent'], 'aidboxops-schedule');
  assert.deepEqual(record.event['involvedObject'], involved);
  assert.deepEqual(post.events, [
    {
      type: 'pg.aidbox.backup.missed.v1',
      source: '/apis/aidbox.pg/v01/namespaces/shop/pgmanagers/pg-manager',
      id: 'uid-pg-manager/missed/2022-01-02T06:00:00Z',
      subject: 'pgmanager/shop/pg-manager',
      data: {
        namespace: 'shop',
        name: 'pg-manager',
        uid: 'uid-pg-manager',
        first: '2022-01-02T06:00:00Z',
        last: '2022-01-02T06:00:00Z',
        count: 1,
        reason: 'TooLate',
      },
    },
  ]);
  const [told] = post.then;
  assert.ok(told?.type === 'applyStatus');
  assert.deepEqual(
    [told.kind, told.target.uid, told.fieldManager],
    ['PgManager', 'uid-pg-manager', 'aidboxops-schedule'],
  );
  assert.equal(scheduleOf(post.then)?.missed?.announced, '2022-01-02T06:00:00Z');
});

test('a reset cursor is told of its manager, once per second', () => {
  const ahead = aManager().schedule({ ...ran, lastSlot: '2022-02-01T06:00:00Z' });
  const [, record] = decide(observe(ahead, { now: slot + 60 })).commands;
  assert.ok(record?.type === 'recordEvent');
  assert.equal(record.event.metadata.name, `aidboxops-uid-pg-manager-cursor-${slot + 60}`);
  assert.equal(record.event['reportingComponent'], 'aidboxops-schedule');
  assert.deepEqual(record.event['involvedObject'], involved);
});

test('a slot that is near wakes the backup function and waits until its second', () => {
  const decision = decide(observe(aManager().schedule(settled), { now: slot - 4 }));
  assert.deepEqual(decision, {
    commands: [
      {
        type: 'post',
        events: [
          {
            type: 'pg.aidbox.wake.v1',
            source: '/apis/aidbox.pg/v01/namespaces/shop/pgmanagers/pg-manager',
            id: 'uid-pg-manager/wake/2022-01-02T06:00:00Z',
            subject: 'pgmanager/shop/pg-manager',
            data: { slot: '2022-01-02T06:00:00Z' },
          },
        ],
        then: [],
      },
    ],
    next: 'wait',
    waitSeconds: 4,
    reason: 'SlotNear',
    message: 'slot 2022-01-02T06:00:00Z is 4 s away',
  });
});

for (const [given, reason, message] of [
  [observe(aManager().schedule(settled)), 'SlotDue', 'slot 2022-01-02T06:00:00Z runs'],
  [observe(aManager(), { now: slot - 60 }), 'StatusBehind', 'schedule status written'],
  [observe(aManager().schedule(ran)), 'UpToDate', 'waiting for the next slot'],
  [observe(aManager().schedule(missedOne), { now: slot + 21_601 }), 'SlotMissed', missedOne.message],
] as const) {
  test(`for the log: ${reason}, ${message}`, () => {
    const decision = decide(given);
    assert.deepEqual([decision.reason, decision.message], [reason, message]);
  });
}

test('H10 30 days away: one run, 29 missed as one settling', () => {
  const manager = aManager()
    .created(slot - 30 * 86_400)
    .schedule({ ...settled, since: '2021-12-03T06:00:00Z' });
  const { commands } = decide(observe(manager, { now: slot + 3600 }));
  assert.deepEqual(commands.map(inWords), [`create ${name}`, 'status pg-manager']);
  assert.deepEqual(scheduleOf(commands)?.missed, {
    count: 29,
    last: [{ slot: '2022-01-01T06:00:00Z', first: '2021-12-04T06:00:00Z', count: 29, reason: 'TooLate' }],
  });
});

test('H50 missed slots that nobody could be told of are kept, those that were told only five', () => {
  const settlings = Array.from({ length: 9 }, (_, index) => {
    const time = `2021-12-2${index}T06:00:00Z`;
    return { slot: time, first: time, count: 1, reason: 'TooLate' };
  });
  const status = (announced: string): ScheduleStatus => ({
    ...settled,
    missed: { count: 9, last: settlings, announced },
  });
  const late = { now: slot + 21_601 };
  const none = scheduleOf(decide(observe(aManager().schedule(status('2021-12-20T06:00:00Z')), late)).commands);
  assert.equal(none?.missed?.last.length, 9, 'eight untold and the new one');
  const told = scheduleOf(decide(observe(aManager().schedule(status('2021-12-28T06:00:00Z')), late)).commands);
  assert.equal(told?.missed?.last.length, 5);
  assert.equal(told?.missed?.count, 10);
});

test("a manual PgBackup of the slot's time is none of the schedule's business", () => {
  const { commands } = decide(observe(aManager().schedule(settled), { ownBackups: new Set(['manual']) }));
  assert.deepEqual(commands.map(inWords), [`create ${name}`, 'status pg-manager']);
});

test('the PgBackup of a slot names its manager, its slot and its database, and no owner', () => {
  const [create] = decide(observe(aManager().schedule(settled))).commands;
  assert.ok(create?.type === 'createBackup');
  assert.deepEqual(create.backup, {
    apiVersion: 'aidbox.pg/v01',
    kind: 'PgBackup',
    metadata: {
      name,
      namespace: 'shop',
      labels: {
        'aidbox.pg/manager': 'pg-manager',
        'aidbox.pg/manager-uid': 'uid-pg-manager',
        'aidbox.pg/statefulset': 'postgres',
      },
      annotations: { 'aidbox.pg/slot': '2022-01-02T06:00:00Z' },
    },
    spec: { selector: { name: 'postgres' } },
  });
});
