/** What goes on while a fault strikes: one story for each function. */
import assert from 'node:assert/strict';
import { slotBackupName } from '../../functions/domain/names.ts';
import { parseTime } from '../../functions/domain/time.ts';
import { eventually } from '../support/eventually.ts';
import { patience, type Stage } from './stage.ts';
import type { Slow } from './wal-g.ts';

export type StoryName = 'schedule' | 'backup' | 'rotation' | 'storage';

export interface Story {
  /** Sub-commands of wal-g that take a second longer, so that a fault can meet them. */
  readonly slow: readonly Slow[];
  /** What must be there before. */
  prepare(stage: Stage): Promise<void>;
  begin(stage: Stage): Promise<void>;
  /** What time brings after the fault: the sweep, and the probe where it is about storage. */
  readonly ticks: readonly ('sweep' | 'probe')[];
  /** How it ended, in the words of the table; undefined while it has not. */
  ending(stage: Stage): Promise<string | undefined>;
}

/** A new manager has its first slot so many seconds later: longer than the events of its creation take. */
const slotIn = 16;

export const stories: Readonly<Record<StoryName, Story>> = {
  /** A manager is made whose slot is near; its backup runs. */
  schedule: {
    slow: [],
    prepare: () => Promise.resolve(),
    async begin({ shop, subject }) {
      subject.slot = `${new Date(Date.now() + slotIn * 1000).toISOString().slice(0, 19)}Z`;
      subject.name = slotBackupName('pg-manager', parseTime(subject.slot) ?? 0);
      await shop.manager({ at: subject.slot.slice(11, 19) });
    },
    ticks: ['sweep'],
    ending: endOfBackup,
  },
  /** Somebody asks for a backup. */
  backup: {
    slow: [],
    prepare: ({ shop }) => managerAtWork(shop),
    begin: ({ shop, subject }) => shop.backup(subject.name),
    ticks: ['sweep'],
    ending: endOfBackup,
  },
  /** The second of two backups, of which one stays. */
  rotation: {
    slow: ['delete'],
    async prepare({ shop }) {
      await managerAtWork(shop, 1);
      await shop.backup('earlier');
      assert.equal((await shop.finished('earlier', patience)).status.state, 'success');
      await eventually('first rotation', () => isRotated(shop), patience);
    },
    begin: ({ shop, subject }) => shop.backup(subject.name),
    ticks: ['sweep'],
    async ending({ shop, subject }) {
      const { uid } = (await shop.pgb(subject.name))?.metadata ?? {};
      const { rotation } = (await shop.pgm()).status.conditions;
      const last = rotation?.log?.[0];
      return uid !== undefined && last?.id?.startsWith(uid) === true ? `rotation ${rotation?.status}` : undefined;
    },
  },
  /** The probe looks at storage that is there. */
  storage: {
    slow: ['st'],
    prepare: ({ shop }) => managerAtWork(shop),
    begin: ({ shop }) => shop.tick('probe'),
    ticks: ['probe', 'sweep'],
    async ending({ shop }) {
      const { storage } = (await shop.pgm()).status.conditions;
      return storage?.failures === 0 ? `storage ${storage.state}` : undefined;
    },
  },
};

async function managerAtWork(shop: Stage['shop'], keep = 30): Promise<void> {
  await shop.manager({ keep });
  await eventually('storage', () => isSeen(shop), patience);
}

async function isSeen(shop: Stage['shop']): Promise<true | undefined> {
  const { conditions, schedule } = (await shop.pgm()).status;
  return conditions.storage?.state === 'available' && schedule?.nextSlot !== undefined ? true : undefined;
}

async function isRotated(shop: Stage['shop']): Promise<true | undefined> {
  const { backup, rotation } = (await shop.pgm()).status.conditions;
  return rotation?.status === 'ok' && rotation.servedBackup === backup?.lastSuccess?.uid ? true : undefined;
}

async function endOfBackup({ shop, subject }: Stage): Promise<string | undefined> {
  const { announced, reason, state } = (await shop.pgb(subject.name))?.status ?? {};
  if (state !== announced || (state !== 'success' && state !== 'error')) return undefined;
  return reason === undefined ? state : `${state} ${reason}`;
}
