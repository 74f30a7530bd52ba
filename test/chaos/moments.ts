/** When a fault strikes: each moment resolves when it has come. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { eventually } from '../support/eventually.ts';
import { livingRuns } from './processes.ts';
import type { Life } from './seen.ts';
import { patience, type Stage } from './stage.ts';
import { callsIn } from './wal-g.ts';

export type MomentName = keyof typeof moments;

/** Before the slot's timer, but after everything that its manager's creation set off (milliseconds). */
const beforeTimerMs = 7_000;
/** The timer has fired, and an activation stays for the slot (milliseconds). */
const beforeSlotMs = 2_000;
/** Exit files are read within a second: who wants to be first must look often (milliseconds). */
const closelyMs = 10;

export const moments = {
  "before the slot's timer": (stage: Stage) => beforeSlot(stage, beforeTimerMs),
  'before the slot': (stage: Stage) => beforeSlot(stage, beforeSlotMs),
  "at the slot's create": (stage: Stage) => untilSubject(stage, () => true),
  async 'at its start'(stage: Stage): Promise<void> {
    if (stage.function === 'rotation') await untilRotation(stage);
    else await untilSubject(stage, ({ status }) => status.state === 'running');
  },
  async 'in mid-backup'(stage: Stage): Promise<void> {
    await untilSubject(stage, ({ status }) => status.state === 'running' && status.startTime !== undefined);
    await eventually('wal-g', () => (livingRuns(stage.prefix).length > 0 ? true : undefined));
  },
  async "at wal-g's end"(stage: Stage): Promise<void> {
    await untilSubject(stage, ({ status }) => status.state === 'running');
    const { uid } = subjectOf(stage);
    const file = join(stage.shop.running().realPath('/PgBackup'), '.run', uid, 'exit');
    while (!existsSync(file)) await pause(closelyMs);
  },
  'at its end in status': (stage: Stage) => untilSubject(stage, ({ status }) => status.finishTime !== undefined),
  async 'during rotation'(stage: Stage): Promise<void> {
    const { uid } = await subjectLater(stage);
    await eventually('wal-g delete', () => (hasCall(stage, 'delete', uid) ? true : undefined), patience);
  },
  async 'during the probe'(stage: Stage): Promise<void> {
    const before = callsOf(stage, 'st');
    await eventually('wal-g st', () => (callsOf(stage, 'st') > before ? true : undefined));
  },
  /** From before the story to its end. */
  throughout: () => Promise.resolve(),
} as const;

async function beforeSlot({ history, namespace, subject }: Stage, ms: number): Promise<void> {
  await eventually('next slot', () => history.manager(namespace)?.status.schedule?.nextSlot);
  const left = Date.parse(subject.slot ?? '') - ms - Date.now();
  if (left < 0) throw new Error(`the machine is too slow: ${-left} ms late for a moment ${ms} ms before the slot`);
  await pause(left);
}

function untilSubject({ history, namespace, subject }: Stage, isTrue: (life: Life) => boolean): Promise<void> {
  return history.until(namespace, (life) => life.name === subject.name && isTrue(life));
}

function subjectOf({ history, namespace, subject }: Stage): Life {
  const life = history.lives(namespace).find(({ name }) => name === subject.name);
  if (life === undefined) throw new Error(`no PgBackup ${subject.name}`);
  return life;
}

async function subjectLater(stage: Stage): Promise<Life> {
  await untilSubject(stage, () => true);
  return subjectOf(stage);
}

async function untilRotation(stage: Stage): Promise<void> {
  const { history, namespace } = stage;
  const { uid } = await subjectLater(stage);
  const isRunning = (): boolean => {
    const { rotation } = history.manager(namespace)?.status.conditions ?? {};
    return rotation?.running?.id.startsWith(uid) === true;
  };
  await eventually('start of the rotation', () => (isRunning() ? true : undefined), patience);
}

function hasCall({ calls }: Stage, kind: string, id: string): boolean {
  return callsIn(calls).some((call) => call.kind === kind && call.run.startsWith(id));
}

function callsOf({ calls }: Stage, kind: string): number {
  return callsIn(calls).filter((call) => call.kind === kind).length;
}
