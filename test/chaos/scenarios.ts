/** What goes on while a fault strikes: one scenario for each function. */
import assert from 'node:assert/strict';
import { rotationIsDue } from '../../functions/domain/resources/manager-state.ts';
import { slotBackupName } from '../../functions/schedule/slot-backup.ts';
import { parseTime } from '../../functions/domain/time.ts';
import { eventually } from '../support/eventually.ts';
import { postEvent } from '../support/outside.ts';
import type { BackupHistory } from './seen.ts';
import { patience, type Fixture, type ScenarioName } from './fixture.ts';
import { callsIn, type Slow } from './wal-g.ts';

export interface Scenario {
  /** Sub-commands of wal-g that take a second longer, so that a fault can meet them. */
  readonly slow: readonly Slow[];
  /** What must be there before. */
  prepare(fixture: Fixture): Promise<void>;
  begin(fixture: Fixture): Promise<void>;
  /** What time brings when the fault is over: the sweep, and the probe where it is about storage. */
  afterwards(fixture: Fixture): Promise<void>;
  /** How it ended, in the words of the table; undefined while it has not. */
  ending(fixture: Fixture): string | undefined;
}

/** A new manager has its first slot so many seconds later: longer than the events of its creation take. */
const slotIn = 20;

export const scenarios: Readonly<Record<ScenarioName, Scenario>> = {
  /** A manager is made whose slot is near; its backup runs. */
  schedule: {
    slow: [],
    prepare: () => Promise.resolve(),
    async begin({ cluster, subject }) {
      subject.slot = `${new Date(Date.now() + slotIn * 1000).toISOString().slice(0, 19)}Z`;
      subject.name = slotBackupName('pg-manager', parseTime(subject.slot) ?? 0);
      await cluster.manager({ at: subject.slot.slice(11, 19) });
    },
    afterwards: (fixture) => tick(fixture, 'sweep'),
    ending: endOfBackup,
  },
  /** Somebody asks for a backup. */
  backup: {
    slow: [],
    prepare: (fixture) => managerAtWork(fixture),
    begin: ({ cluster, subject }) => cluster.backup(subject.name),
    afterwards: (fixture) => tick(fixture, 'sweep'),
    ending: endOfBackup,
  },
  /** The second of two backups, of which one stays. */
  rotation: {
    slow: ['delete'],
    async prepare(fixture) {
      await managerAtWork(fixture, 1);
      await fixture.cluster.backup('earlier');
      const state = await eventually('a first success', () => endOf(backupOf(fixture, 'earlier')), patience);
      assert.equal(state, 'success');
      await eventually('a first rotation', () => isRotated(fixture), patience);
    },
    begin: ({ cluster, subject }) => cluster.backup(subject.name),
    afterwards: (fixture) => tick(fixture, 'sweep'),
    ending(fixture) {
      const { log = [], status } = fixture.history.manager(fixture.namespace)?.status.conditions.rotation ?? {};
      const uid = backupOf(fixture, fixture.subject.name)?.uid;
      return log[0]?.id?.startsWith(`${uid}-`) === true ? `rotation ${status}` : undefined;
    },
  },
  /** The probe looks at storage that is there. */
  storage: {
    slow: ['write-check'],
    prepare: (fixture) => managerAtWork(fixture),
    begin: (fixture) => tick(fixture, 'probe'),
    async afterwards(fixture) {
      fixture.subject.probes = probesIn(fixture);
      await tick(fixture, 'probe');
      await tick(fixture, 'sweep');
    },
    ending(fixture) {
      const { storage } = fixture.history.manager(fixture.namespace)?.status.conditions ?? {};
      if (probesIn(fixture) === fixture.subject.probes) return undefined;
      return storage?.failures === 0 ? `storage ${storage.state}` : undefined;
    },
  },
};

/** The Broker may have come back a moment ago. */
async function tick({ environment }: Fixture, purpose: 'sweep' | 'probe'): Promise<void> {
  const source = `/apis/v1/namespaces/aidboxops/pingsources/${purpose}`;
  const event = { type: 'dev.knative.sources.ping', source, extensions: { pgpurpose: purpose } };
  await eventually(`tick of ${purpose}`, async () => (await postEvent(environment, event)).status === 202);
}

function probesIn({ calls }: Fixture): number {
  return callsIn(calls).filter(({ kind }) => kind === 'st').length;
}

async function managerAtWork(fixture: Fixture, keep = 30): Promise<void> {
  await fixture.cluster.manager({ keep });
  await eventually('a first look at storage', () => stateOfStorage(fixture), patience);
  // A busy machine may have been too slow for it.
  if (stateOfStorage(fixture) !== 'available') await tick(fixture, 'probe');
  await eventually('storage', () => stateOfStorage(fixture) === 'available', patience);
}

function stateOfStorage({ history, namespace }: Fixture): string | undefined {
  const { conditions, schedule } = history.manager(namespace)?.status ?? {};
  return schedule?.nextSlot === undefined ? undefined : conditions?.storage?.state;
}

function isRotated({ history, namespace }: Fixture): boolean {
  const manager = history.manager(namespace);
  return manager?.status.conditions.rotation?.status === 'ok' && !rotationIsDue(manager);
}

function backupOf({ history, namespace }: Fixture, wanted: string): BackupHistory | undefined {
  return history.backups(namespace).find(({ name }) => name === wanted);
}

function endOfBackup(fixture: Fixture): string | undefined {
  return endOf(backupOf(fixture, fixture.subject.name));
}

/** State and kind of error once its end is told. */
function endOf(backup: BackupHistory | undefined): string | undefined {
  const { announced, finishTime, reason, state } = backup?.status ?? {};
  if (finishTime === undefined || announced !== state) return undefined;
  return reason === undefined ? state : `${state} ${reason}`;
}
