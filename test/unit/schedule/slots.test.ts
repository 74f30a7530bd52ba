/** Slot arithmetic: tables by the numbers of the traces that break naive versions, properties against a plain oracle. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DateTime } from 'luxon';
import {
  earlyTolerance,
  nextSlot,
  resolveSlots,
  type Cursor,
  type DesiredSchedule,
} from '../../../functions/schedule/slots.ts';
import { parseTime, rfc3339 } from '../../../functions/domain/time.ts';

/** A moment of January 2022: `02 06:00:00`. */
function on(text: string): number {
  const [day, clock] = text.split(' ');
  return at(`2022-01-${day}T${clock}Z`);
}

function at(text: string): number {
  const time = parseTime(text);
  assert.ok(time !== undefined, text);
  return time;
}

interface Activation {
  readonly now: string;
  readonly at?: string;
  readonly suspended?: boolean;
  /** Slots, written like `now`. */
  readonly wantRun?: string;
  readonly wantMissed?: readonly string[];
}

interface Trace {
  readonly created: string;
  readonly deadline?: number;
  /** `at` is 06:00:00 and nothing is suspended until an activation says otherwise. */
  readonly activations: readonly Activation[];
}

const traces: Readonly<Record<string, Trace>> = {
  'no slot before the manager was there counts': {
    created: '02 06:00:01',
    activations: [{ now: '02 06:00:03' }, { now: '03 06:00:00', wantRun: '03 06:00:00' }],
  },
  'a manager made in the very second of the slot waits for the next one': {
    created: '02 06:00:00',
    activations: [{ now: '02 06:00:00' }, { now: '03 06:00:00', wantRun: '03 06:00:00' }],
  },
  'H5 at changed 06:00 → 07:00 at 06:00:01, before the tick: 06:00 first, then 07:00': {
    created: '01 00:00:00',
    activations: [
      { now: '01 06:00:00', wantRun: '01 06:00:00' },
      { now: '02 06:00:01', at: '07:00:00', wantRun: '02 06:00:00' },
      { now: '02 07:00:00', at: '07:00:00', wantRun: '02 07:00:00' },
    ],
  },
  'H6 at changed 06:00 → 14:00 at 20:00: nothing today': {
    created: '01 12:00:00',
    activations: [
      { now: '02 06:00:00', wantRun: '02 06:00:00' },
      { now: '02 20:00:00', at: '14:00:00' },
      { now: '02 20:00:01', at: '14:00:00' },
      { now: '03 14:00:00', at: '14:00:00', wantRun: '03 14:00:00' },
    ],
  },
  'H6 at changed 06:00 → 05:00 at 06:30: nothing for 05:00 today': {
    created: '01 12:00:00',
    activations: [
      { now: '02 06:00:00', wantRun: '02 06:00:00' },
      { now: '02 06:30:00', at: '05:00:00' },
      { now: '02 06:30:01', at: '05:00:00' },
      { now: '03 05:00:00', at: '05:00:00', wantRun: '03 05:00:00' },
    ],
  },
  'at moved away from a slot that is three seconds ahead: only the new time runs': {
    created: '01 12:00:00',
    activations: [
      { now: '02 05:59:57', at: '07:00:00' },
      { now: '02 06:00:00', at: '07:00:00' },
      { now: '02 07:00:00', at: '07:00:00', wantRun: '02 07:00:00' },
    ],
  },
  'H7 suspended at 01:00, slot tick lost, resumed at 06:05: no run, not missed': {
    created: '01 12:00:00',
    activations: [
      { now: '02 01:00:00', suspended: true },
      { now: '02 06:05:00' },
      { now: '02 06:05:01' },
      { now: '03 06:00:00', wantRun: '03 06:00:00' },
    ],
  },
  'H7 suspended while a slot was overdue: it starts no more, and is not lost silently': {
    created: '01 12:00:00',
    activations: [
      { now: '02 07:00:00', suspended: true, wantMissed: ['02 06:00:00'] },
      { now: '02 07:00:01', suspended: true },
    ],
  },
  'H7 resumed three seconds before a slot: the slot is not swallowed': {
    created: '01 12:00:00',
    activations: [
      { now: '01 13:00:00', suspended: true },
      { now: '02 05:59:57' },
      { now: '02 06:00:00', wantRun: '02 06:00:00' },
      { now: '02 06:00:01' },
    ],
  },
  'H9 a tick four seconds early runs the slot; the slot itself brings nothing more': {
    created: '01 12:00:00',
    activations: [
      { now: '02 05:59:56', wantRun: '02 06:00:00' },
      { now: '02 05:59:57' },
      { now: '02 06:00:00' },
      { now: '02 06:00:05' },
    ],
  },
  'H9 a tick ten seconds early is too early': {
    created: '01 12:00:00',
    activations: [{ now: '02 05:59:50' }, { now: '02 06:00:00', wantRun: '02 06:00:00' }],
  },
  'H10 an outage of days: one late run, the rest missed': {
    created: '01 12:00:00',
    activations: [
      {
        now: '05 11:59:59',
        wantRun: '05 06:00:00',
        wantMissed: ['02 06:00:00', '03 06:00:00', '04 06:00:00'],
      },
    ],
  },
  'H10 an outage that ends after the deadline: all missed': {
    created: '01 12:00:00',
    activations: [{ now: '03 12:00:01', wantMissed: ['02 06:00:00', '03 06:00:00'] }],
  },
  'the deadline is met to the second': {
    created: '01 12:00:00',
    deadline: 60,
    activations: [
      { now: '02 06:01:00', wantRun: '02 06:00:00' },
      { now: '03 06:01:01', wantMissed: ['03 06:00:00'] },
    ],
  },
};

for (const [name, { created, deadline = 21_600, activations }] of Object.entries(traces)) {
  test(name, () => {
    let cursor: Cursor = { at: '06:00:00', suspended: false, since: on(created) };
    for (const { now, at: hour = '06:00:00', suspended = false, wantRun, wantMissed = [] } of activations) {
      const settlement = resolveSlots({ at: hour, suspended, startingDeadline: deadline }, cursor, on(now));
      assert.deepEqual(
        { run: settlement.run, missed: settlement.missed },
        { run: wantRun === undefined ? undefined : on(wantRun), missed: wantMissed.map(on) },
        now,
      );
      assert.equal(settlement.cursorWasAhead, false);
      cursor = settlement.cursor;
    }
  });
}

const wish: DesiredSchedule = { at: '06:00:00', suspended: false, startingDeadline: 21_600 };

test('H8 a cursor more than 60 s ahead is set back to now, loudly', () => {
  const now = on('02 12:00:00');
  const { cursor, cursorWasAhead, run, missed } = resolveSlots(
    wish,
    { at: '06:00:00', suspended: false, since: on('01 00:00:00'), lastSlot: now + 30 * 86_400 },
    now,
  );
  assert.deepEqual(
    { cursor, cursorWasAhead, run, missed },
    {
      cursor: { at: '06:00:00', suspended: false, since: now, lastSlot: on('02 06:00:00') },
      cursorWasAhead: true,
      run: undefined,
      missed: [],
    },
  );
});

test('H8 a cursor up to 60 s ahead is that of an early timer', () => {
  const now = on('02 05:59:56');
  const stored = { at: '06:00:00', suspended: false, since: on('01 00:00:00'), lastSlot: on('02 06:00:00') };
  assert.deepEqual(resolveSlots(wish, stored, now), {
    run: undefined,
    missed: [],
    cursor: stored,
    cursorWasAhead: false,
  });
  assert.equal(resolveSlots(wish, stored, on('02 05:59:00')).cursorWasAhead, false);
  assert.equal(resolveSlots(wish, stored, on('02 05:58:59')).cursorWasAhead, true);
});

test('leap day and new year have their slots', () => {
  const stored = { at: '23:59:59', suspended: false, since: at('2024-02-27T23:59:59Z') };
  const { missed } = resolveSlots({ ...wish, at: '23:59:59', startingDeadline: 1 }, stored, at('2024-03-02T12:00:00Z'));
  assert.deepEqual(missed.map(rfc3339), ['2024-02-28T23:59:59Z', '2024-02-29T23:59:59Z', '2024-03-01T23:59:59Z']);
});

test('the next slot is the first one neither settled nor due', () => {
  const cursor = { at: '06:00:00', suspended: false, since: on('01 00:00:00') };
  assert.equal(nextSlot(cursor, on('02 05:59:59')), on('02 06:00:00'));
  assert.equal(nextSlot(cursor, on('02 06:00:00')), on('03 06:00:00'));
  assert.equal(nextSlot({ ...cursor, lastSlot: on('02 06:00:00') }, on('02 05:59:56')), on('03 06:00:00'));
});

interface Step {
  readonly now: number;
  readonly wish: DesiredSchedule;
}

interface Fate {
  readonly slot: number;
  readonly fate: 'run' | 'missed' | 'suspended';
}

const wishes = fc.record({
  at: fc.constantFrom('00:00:00', '05:59:58', '06:00:00', '06:00:03', '14:30:00', '23:59:59'),
  suspended: fc.boolean(),
  startingDeadline: fc.constantFrom(1, 3600, 21_600, 75_600),
});

/** Steps of activations from around a leap day on: often close together, at times days or weeks apart. */
const histories = fc
  .array(
    fc.record({
      pause: fc.oneof(
        fc.integer({ min: 0, max: 10 }),
        fc.integer({ min: 0, max: 90_000 }),
        fc.integer({ min: 0, max: 3_456_000 }),
      ),
      change: fc.option(wishes, { freq: 3 }),
    }),
    { minLength: 1, maxLength: 25 },
  )
  .map((raw) => {
    const created = at('2024-02-20T05:59:55Z');
    let [now, last]: [number, DesiredSchedule] = [
      created,
      { at: '06:00:00', suspended: false, startingDeadline: 21_600 },
    ];
    const steps = raw.map(({ pause, change }): Step => {
      now += pause;
      last = change ?? last;
      return { now, wish: last };
    });
    return { created, steps };
  });

/** The fate of every slot, found out day by day on a calendar. */
function oracle(created: number, steps: readonly Step[]): Fate[] {
  const fates: Fate[] = [];
  let values = { at: '06:00:00', suspended: false };
  let since = created;
  let settled = created;
  steps.forEach(({ now, wish: wanted }, index) => {
    if (index === 0) values = { at: wanted.at, suspended: wanted.suspended };
    const change = wanted.at !== values.at || wanted.suspended !== values.suspended;
    const due = calendarSlots(values.at, since, now + earlyTolerance + 1).filter(
      (slot) => slot > Math.max(since, settled) && slot <= (change ? now : now + earlyTolerance),
    );
    due.forEach((slot, place) => {
      const isLast = place === due.length - 1;
      const inTime = now - slot <= wanted.startingDeadline;
      const mayRun = isLast && inTime && !wanted.suspended;
      fates.push({ slot, fate: values.suspended ? 'suspended' : mayRun ? 'run' : 'missed' });
      settled = slot;
    });
    if (change) [values, since] = [{ at: wanted.at, suspended: wanted.suspended }, now];
  });
  return fates;
}

function calendarSlots(clock: string, from: number, to: number): number[] {
  const [hour = 0, minute = 0, second = 0] = clock.split(':').map(Number);
  const slots: number[] = [];
  let day = DateTime.fromSeconds(from, { zone: 'utc' }).startOf('day').minus({ days: 1 });
  for (; day.toSeconds() <= to; day = day.plus({ days: 1 })) slots.push(day.set({ hour, minute, second }).toSeconds());
  return slots;
}

test('any history of activations: each slot has one fate, and it is the one that the calendar says', () => {
  fc.assert(
    fc.property(histories, ({ created, steps }) => {
      const fates: Fate[] = [];
      let cursor: Cursor = { at: steps[0]!.wish.at, suspended: steps[0]!.wish.suspended, since: created };
      for (const { now, wish: wanted } of steps) {
        const before = Math.max(cursor.since, cursor.lastSlot ?? 0);
        const { run, missed, cursor: after, cursorWasAhead } = resolveSlots(wanted, cursor, now);
        assert.equal(cursorWasAhead, false);
        fates.push(...missed.map((slot) => ({ slot, fate: 'missed' as const })));
        if (run !== undefined) fates.push({ slot: run, fate: 'run' });
        assert.ok(Math.max(after.since, after.lastSlot ?? 0) >= before, 'the cursor never goes back');
        assert.ok(nextSlot(after, now) > Math.max(now, after.lastSlot ?? 0), 'the next slot is ahead');
        assert.ok(nextSlot(after, now) - Math.max(now, after.lastSlot ?? 0) <= 86_400, 'and at most a day');
        cursor = after;
      }
      assert.deepEqual(
        fates,
        oracle(created, steps).filter(({ fate }) => fate !== 'suspended'),
      );
    }),
    { numRuns: 1_000 },
  );
});

test('settling twice in the same second settles nothing more', () => {
  fc.assert(
    fc.property(histories, ({ created, steps }) => {
      let cursor: Cursor = { at: '06:00:00', suspended: false, since: created };
      for (const { now, wish: wanted } of steps) {
        const first = resolveSlots(wanted, cursor, now);
        // The values that were taken over may have a slot of their own within the tolerance.
        const second = resolveSlots(wanted, first.cursor, now);
        const third = resolveSlots(wanted, second.cursor, now);
        assert.deepEqual([third.run, third.missed, third.cursor], [undefined, [], second.cursor]);
        cursor = third.cursor;
      }
    }),
  );
});

test('several API servers whose clocks differ: no slot twice, none lost, the cursor never goes back', () => {
  const walk = fc.array(
    fc.record({ pause: fc.integer({ min: 0, max: 100_000 }), skew: fc.integer({ min: -25, max: 25 }) }),
    { minLength: 2, maxLength: 30 },
  );
  fc.assert(
    fc.property(walk, (steps) => {
      const created = at('2024-02-20T05:59:55Z');
      let cursor: Cursor = { at: '06:00:00', suspended: false, since: created };
      let time = created;
      let latest = created;
      const fates: number[] = [];
      for (const { pause, skew } of steps) {
        time += pause;
        const now = time + skew;
        latest = Math.max(latest, now);
        const { run, missed, cursor: after, cursorWasAhead } = resolveSlots(wish, cursor, now);
        assert.equal(cursorWasAhead, false);
        fates.push(...missed, ...(run === undefined ? [] : [run]));
        assert.ok((after.lastSlot ?? 0) >= (cursor.lastSlot ?? 0));
        cursor = after;
      }
      const calendar = calendarSlots('06:00:00', created, latest + earlyTolerance).filter(
        (slot) => slot > created && slot <= latest + earlyTolerance,
      );
      assert.deepEqual(fates, calendar);
    }),
  );
});
