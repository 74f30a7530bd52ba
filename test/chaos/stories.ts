/** What goes on while a fault strikes: one story for each function. */
import assert from 'node:assert/strict';
import { rotationIsDue } from '../../functions/domain/resources/manager-state.ts';
import { slotBackupName } from '../../functions/schedule/slot-backup.ts';
import { parseTime } from '../../functions/domain/time.ts';
import { eventually } from '../support/eventually.ts';
import { postEvent } from '../support/outside.ts';
import type { Life } from './seen.ts';
import { patience, type Stage, type StoryName } from './stage.ts';
import { callsIn, type Slow } from './wal-g.ts';

export interface Story {
  /** Sub-commands of wal-g that take a second longer, so that a fault can meet them. */
  readonly slow: readonly Slow[];
  /** What must be there before. */
  prepare(stage: Stage): Promise<void>;
  begin(stage: Stage): Promise<void>;
  /** What time brings when the fault is over: the sweep, and the probe where it is about storage. */
  afterwards(stage: Stage): Promise<void>;
  /** How it ended, in the words of the table; undefined while it has not. */
  ending(stage: Stage): string | undefined;
}

/** A new manager has its first slot so many seconds later: longer than the events of its creation take. */
const slotIn = 20;

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
    afterwards: (stage) => tick(stage, 'sweep'),
    ending: endOfBackup,
  },
  /** Somebody asks for a backup. */
  backup: {
    slow: [],
    prepare: (stage) => managerAtWork(stage),
    begin: ({ shop, subject }) => shop.backup(subject.name),
    afterwards: (stage) => tick(stage, 'sweep'),
    ending: endOfBackup,
  },
  /** The second of two backups, of which one stays. */
  rotation: {
    slow: ['delete'],
    async prepare(stage) {
      await managerAtWork(stage, 1);
      await stage.shop.backup('earlier');
      const state = await eventually('a first success', () => endOf(lifeOf(stage, 'earlier')), patience);
      assert.equal(state, 'success');
      await eventually('a first rotation', () => isRotated(stage), patience);
    },
    begin: ({ shop, subject }) => shop.backup(subject.name),
    afterwards: (stage) => tick(stage, 'sweep'),
    ending(stage) {
      const { log = [], status } = stage.history.manager(stage.namespace)?.status.conditions.rotation ?? {};
      const uid = lifeOf(stage, stage.subject.name)?.uid;
      return log[0]?.id?.startsWith(`${uid}-`) === true ? `rotation ${status}` : undefined;
    },
  },
  /** The probe looks at storage that is there. */
  storage: {
    slow: ['write-check'],
    prepare: (stage) => managerAtWork(stage),
    begin: (stage) => tick(stage, 'probe'),
    async afterwards(stage) {
      stage.subject.probes = probesIn(stage);
      await tick(stage, 'probe');
      await tick(stage, 'sweep');
    },
    ending(stage) {
      const { storage } = stage.history.manager(stage.namespace)?.status.conditions ?? {};
      if (probesIn(stage) === stage.subject.probes) return undefined;
      return storage?.failures === 0 ? `storage ${storage.state}` : undefined;
    },
  },
};

/** The Broker may have come back a moment ago. */
async function tick({ shop }: Stage, purpose: 'sweep' | 'probe'): Promise<void> {
  const source = `/apis/v1/namespaces/aidboxops/pingsources/${purpose}`;
  const event = { type: 'dev.knative.sources.ping', source, extensions: { pgpurpose: purpose } };
  await eventually(`tick of ${purpose}`, async () =>
    (await postEvent(shop, event)).status === 202 ? true : undefined,
  );
}

function probesIn({ calls }: Stage): number {
  return callsIn(calls).filter(({ kind }) => kind === 'st').length;
}

async function managerAtWork(stage: Stage, keep = 30): Promise<void> {
  await stage.shop.manager({ keep });
  await eventually('a first look at storage', () => stateOfStorage(stage), patience);
  // A busy machine may have been too slow for it.
  if (stateOfStorage(stage) !== 'available') await tick(stage, 'probe');
  await eventually('storage', () => (stateOfStorage(stage) === 'available' ? true : undefined), patience);
}

function stateOfStorage({ history, namespace }: Stage): string | undefined {
  const { conditions, schedule } = history.manager(namespace)?.status ?? {};
  return schedule?.nextSlot === undefined ? undefined : conditions?.storage?.state;
}

function isRotated({ history, namespace }: Stage): true | undefined {
  const manager = history.manager(namespace);
  const isDone = manager?.status.conditions.rotation?.status === 'ok' && !rotationIsDue(manager);
  return isDone ? true : undefined;
}

function lifeOf({ history, namespace }: Stage, wanted: string): Life | undefined {
  return history.lives(namespace).find(({ name }) => name === wanted);
}

function endOfBackup(stage: Stage): string | undefined {
  return endOf(lifeOf(stage, stage.subject.name));
}

/** State and kind of error once its end is told. */
function endOf(life: Life | undefined): string | undefined {
  const { announced, finishTime, reason, state } = life?.status ?? {};
  if (finishTime === undefined || announced !== state) return undefined;
  return reason === undefined ? state : `${state} ${reason}`;
}
