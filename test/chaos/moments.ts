/** When a fault strikes: each moment resolves when it has come. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { eventually } from '../support/eventually.ts';
import { livingRuns } from './processes.ts';
import type { BackupHistory, Call } from './seen.ts';
import { patience, type Fixture } from './fixture.ts';
import { callsIn } from './wal-g.ts';

export type MomentName = keyof typeof moments;

/** Before the slot's timer, but after everything that its manager's creation set off (milliseconds). */
const beforeTimerMs = 7_000;
/** The timer has fired, and an activation stays for the slot (milliseconds). */
const beforeSlotMs = 2_000;
/** Exit files are read within a second: who wants to be first must look often (milliseconds). */
const closelyMs = 10;

export const moments = {
  "before the slot's timer": (fixture: Fixture) => beforeSlot(fixture, beforeTimerMs),
  'before the slot': (fixture: Fixture) => beforeSlot(fixture, beforeSlotMs),
  "at the slot's create": (fixture: Fixture) => untilSubject(fixture, () => true),
  async 'at its start'(fixture: Fixture): Promise<void> {
    if (fixture.function === 'rotation') await untilRotation(fixture);
    else await untilSubject(fixture, ({ status }) => status.state === 'running');
  },
  async 'in mid-backup'(fixture: Fixture): Promise<void> {
    await untilSubject(fixture, ({ status }) => status.state === 'running' && status.startTime !== undefined);
    await eventually('wal-g', () => livingRuns(fixture.prefix).length > 0);
  },
  async "at wal-g's end"(fixture: Fixture): Promise<void> {
    await untilSubject(fixture, ({ status }) => status.state === 'running');
    const { uid } = subjectOf(fixture);
    const file = join(fixture.cluster.running().realPath('/PgBackup'), '.run', uid, 'exit');
    while (!existsSync(file)) await pause(closelyMs);
  },
  'at its end in status': (fixture: Fixture) => untilSubject(fixture, ({ status }) => status.finishTime !== undefined),
  async 'during rotation'(fixture: Fixture): Promise<void> {
    const { uid } = await subjectLater(fixture);
    await eventually('wal-g delete', () => callsOf(fixture, 'delete').some(({ run }) => run.startsWith(uid)), patience);
  },
  async 'during the probe'(fixture: Fixture): Promise<void> {
    const before = callsOf(fixture, 'st').length;
    await eventually('wal-g st', () => callsOf(fixture, 'st').length > before);
  },
  /** From before the scenario to its end. */
  throughout: () => Promise.resolve(),
} as const;

async function beforeSlot({ history, namespace, subject }: Fixture, ms: number): Promise<void> {
  await eventually('next slot', () => history.manager(namespace)?.status.schedule?.nextSlot);
  const left = Date.parse(subject.slot ?? '') - ms - Date.now();
  if (left < 0) throw new Error(`the machine is too slow: ${-left} ms late for a moment ${ms} ms before the slot`);
  await pause(left);
}

function untilSubject(
  { history, namespace, subject }: Fixture,
  isTrue: (backup: BackupHistory) => boolean,
): Promise<void> {
  return history.until(namespace, (backup) => backup.name === subject.name && isTrue(backup));
}

function subjectOf({ history, namespace, subject }: Fixture): BackupHistory {
  const backup = history.backups(namespace).find(({ name }) => name === subject.name);
  if (backup === undefined) throw new Error(`no PgBackup ${subject.name}`);
  return backup;
}

async function subjectLater(fixture: Fixture): Promise<BackupHistory> {
  await untilSubject(fixture, () => true);
  return subjectOf(fixture);
}

async function untilRotation(fixture: Fixture): Promise<void> {
  const { history, namespace } = fixture;
  const { uid } = await subjectLater(fixture);
  const running = (): string | undefined => history.manager(namespace)?.status.conditions.rotation?.running?.id;
  await eventually('start of the rotation', () => running()?.startsWith(uid), patience);
}

function callsOf({ calls }: Fixture, kind: string): Call[] {
  return callsIn(calls).filter((call) => call.kind === kind);
}
