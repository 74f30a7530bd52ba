/**
 * What really happened, written down as it happens, and the invariants that can be judged at once. It sees every change
 * in the API server, every run of wal-g and every event that the broker accepted; it never asks the functions.
 */
import { isDeepStrictEqual } from 'node:util';
import type { OwnEvent } from '../../functions/domain/events/cloud-event.ts';
import { label, slotAnnotation } from '../../functions/domain/resources/names.ts';
import type { PgBackupStatus } from '../../functions/domain/resources/pg-backup.ts';
import type { PgManager, RotationCondition, ScheduleStatus } from '../../functions/domain/resources/pg-manager.ts';
import { parseTime } from '../../functions/domain/time.ts';
import { isFinal, type Change, type Stored } from '../support/api-model.ts';
import { isRestorable, positionOf, type Entry } from './bucket.ts';
import type { Alive, Database } from './database.ts';
import { plantedSecret } from './wal-g.ts';
import type { World } from './world.ts';

/** One incarnation of a PgManager. */
export interface ManagerHistory {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  readonly statefulSet: string;
  readonly created: number;
  /** Somebody else wrote its cursor at this time. */
  tampered?: number;
  deleted?: number;
  /** What the user wanted, from when on. */
  readonly wishes: {
    readonly from: number;
    readonly at: string;
    readonly suspended: boolean;
    readonly deadline: number;
  }[];
  /** What the schedule function wrote that it works by. */
  readonly cursors: { readonly time: number; readonly at: string; readonly suspended: boolean }[];
  /** Settlings recorded as missed, by their last slot. */
  readonly missed: Map<string, { readonly first: number; readonly last: number; readonly count: number }>;
  /** numberToRetain and adopt over time. */
  readonly retention: { readonly from: number; readonly keep: number; readonly adopt: boolean }[];
}

/** A PgBackup that the schedule function made for a slot. */
export interface SlotRun {
  readonly manager: string;
  readonly slot: number;
  readonly created: number;
  readonly uid: string;
}

export interface Oracle {
  readonly managers: Map<string, ManagerHistory>;
  readonly slotRuns: SlotRun[];
  /** Event id → what must be told, and since when it is owed. */
  readonly owed: Map<string, { readonly since: number; readonly uid: string }>;
  readonly told: Map<string, string>;
  /** UID of a PgBackup in success → when it was deleted; undefined while it is there. */
  readonly successes: Map<string, number | undefined>;
  /** UIDs of objects that a person deleted: what was owed of them may be lost. */
  readonly forgiven: Set<string>;
  /** What was seen to happen, for coverage. */
  readonly seen: Set<string>;
  changed(change: Change): void;
  began(database: Database, run: Alive): void;
  deletes(database: Database, doomed: readonly Entry[]): void;
  stops(database: Database, run: Alive): void;
  ended(database: Database, run: Alive): void;
  posted(event: OwnEvent): void;
  logged(fields: object): void;
}

/** Ends of PgBackups that show a hard case. */
const sayings: readonly (readonly [string, RegExp])[] = [
  ['not restorable', /NOT restorable/],
  ['not proved', /could not be proved/],
  ['log lost', /log lost with the container/],
  ['listed only', /is listed but was not finished/],
  ['no replicas', /has 0 replicas/],
  ['pod not ready', /was not ready within/],
  ['orphan not stopped', /could not be stopped/],
];

/** How far back a plan may have been made (seconds): a rotation's deadline and what comes before and after. */
const planAge = 2 * 3600;

export function createTruth(world: World): Oracle {
  const now = (): number => world.scheduler.now() / 1000;
  const oracle: Oracle = {
    managers: new Map(),
    slotRuns: [],
    owed: new Map(),
    told: new Map(),
    successes: new Map(),
    forgiven: new Set(),
    seen: new Set(),
    changed: (change) => {
      if (change.object.kind === 'PgBackup') backupChanged(change);
      if (change.object.kind === 'PgManager') managerChanged(change);
    },
    began: (database, run) => {
      const count = (database.launches.get(run.id) ?? 0) + 1;
      database.launches.set(run.id, count);
      if (count > 1) world.violated(1, `wal-g was started ${count} times for run ${run.id}`);
      for (const other of world.databases.values()) {
        const same = other.namespace === database.namespace && other.statefulSet === database.statefulSet;
        if (!same || other.lock === undefined || other.lock === run) continue;
        world.violated(2, `${run.kind} ${run.id} began while another run is alive in ${other.pod}`);
      }
    },
    deletes: (database, doomed) => {
      // A PgBackup that a person deleted while a rotation is under way may count or not.
      const [now, then] = [protectedEntries(world, database, 0), protectedEntries(world, database, planAge)];
      for (const entry of doomed) {
        const why = now.get(entry.name);
        if (why !== undefined && then.has(entry.name)) world.violated(6, `${entry.name} is deleted although ${why}`);
      }
    },
    stops: (database, run) => {
      const owner = world.api.all('pgbackups').find(({ metadata }) => metadata.uid === run.id);
      const { state } = statusOf(owner);
      const restarted = database.postmaster !== run.postmaster;
      const overdue = now() + database.skew > run.deadline;
      if (owner !== undefined && state === 'running' && !restarted && !overdue)
        world.violated(7, `the run of PgBackup ${owner.metadata.name} was stopped although it is not finished`);
    },
    ended: ({ bucket }, { files, id }) => {
      const code = files.exit?.code;
      if (code !== 0 && bucket.entries.some(({ owner }) => owner?.uid === id)) oracle.seen.add('listed, yet it failed');
      if (files.exit?.hit === true) oracle.seen.add('stopped at its deadline');
    },
    posted: (event) => {
      if (event.type.includes('.page.') || event.type.includes('.look.')) return;
      const fact = `${event.type} ${JSON.stringify({ ...event.data, message: '' })}`;
      const told = oracle.told.get(event.id);
      if (told !== undefined && told !== fact && !isServedAgain(oracle, event))
        world.violated(10, `two facts have the id ${event.id}: ${told} / ${fact}`);
      oracle.told.set(event.id, fact);
    },
    logged: (fields) => {
      if (JSON.stringify(fields).includes(plantedSecret)) world.violated(9, 'a secret is in the log');
    },
  };

  function backupChanged({ verb, object, old }: Change): void {
    if (verb === 'add') slotRunCreated(object);
    if (verb === 'delete') return void backupDeleted(object);
    const [before, after] = [statusOf(old), statusOf(object)];
    if (isFinal({ status: before }) && (before.state !== after.state || before.finishTime !== after.finishTime))
      world.violated(4, `PgBackup ${object.metadata.name} went from ${before.state} to ${after.state ?? 'nothing'}`);
    if (before.state === after.state) return;
    oracle.seen.add(`state ${after.state} ${after.reason ?? ''}`);
    if (isFinal(object)) finished(object, after);
  }

  function finished(object: Stored, { message = '', state }: PgBackupStatus): void {
    const { uid } = object.metadata;
    oracle.owed.set(`${uid}/${state === 'success' ? 'succeeded' : 'failed'}`, { since: now(), uid });
    for (const [saying] of sayings.filter(([, pattern]) => pattern.test(message))) oracle.seen.add(`said: ${saying}`);
    if (message.includes(plantedSecret)) world.violated(9, 'a secret is in the status of a PgBackup');
    if (state !== 'success') return;
    oracle.successes.set(uid, undefined);
    checkSuccess(world, object);
  }

  function slotRunCreated({ metadata }: Stored): void {
    const slot = parseTime(metadata.annotations?.[slotAnnotation]);
    const manager = metadata.labels?.[label.managerUid];
    if (slot === undefined || manager === undefined) return;
    const again = oracle.slotRuns.find((run) => run.manager === manager && run.slot === slot);
    if (again !== undefined && !oracle.forgiven.has(again.uid))
      world.violated(1, `a second PgBackup ${metadata.name} was made for the same slot`);
    oracle.slotRuns.push({ manager, slot, created: now(), uid: metadata.uid });
  }

  /** A rotation removes only what has been told. */
  function backupDeleted(object: Stored): void {
    const { uid, name } = object.metadata;
    const { state } = statusOf(object);
    if (state === 'success') oracle.successes.set(uid, now());
    watchOrphan(world, uid);
    if (oracle.forgiven.has(uid)) return;
    for (const { bucket } of state === 'success' ? world.databases.values() : [])
      if (bucket.entries.some(({ owner }) => owner?.uid === uid))
        world.violated(6, `PgBackup ${name} was removed although its backup is still stored`);
    const id = `${uid}/${state === 'success' ? 'succeeded' : 'failed'}`;
    if (!oracle.told.has(id)) world.violated(10, `PgBackup ${name} was removed before its end was announced`);
  }

  function managerChanged({ verb, object }: Change): void {
    const history = historyOf(oracle, object, now());
    if (verb === 'delete') history.deleted = now();
    noteWish(history, object, now());
    noteStatus(oracle, history, { object, now: now() });
  }

  return oracle;
}

/**
 * Accepted: a newer success was deleted by a person after ten failed rotations, so the log (five runs) knows nothing of
 * the older success that is served again, and its first run's id is used once more.
 */
function isServedAgain({ forgiven, told }: Oracle, event: OwnEvent): boolean {
  if (!event.id.includes('/rotation/') || forgiven.size === 0) return false;
  const ids = [...told.keys()].filter((id) => id.includes('/rotation/') && id.split('/')[0] === event.id.split('/')[0]);
  return ids.length - ids.indexOf(event.id) > 5;
}

/** Two probes and a second signal (milliseconds). */
const orphanTime = 35 * 60_000;

/** A run whose PgBackup is gone is stopped: by the delete event, or, when that was lost, after a probe. */
export function watchOrphan(world: World, uid: string): void {
  const { scheduler, oracle } = world;
  const since = scheduler.now();
  scheduler.at(since + orphanTime, () => {
    if (world.disturbed >= since || Object.values(world.noise).some((chance) => chance > 0)) return;
    for (const { lock, namespace, pod, statefulSet, up } of world.databases.values()) {
      if (!up || lock === undefined || lock === 'unknown' || lock.id !== uid || lock.files.exit !== undefined) continue;
      // Only databases that have a manager are probed.
      const probed = [...oracle.managers.values()].some(
        (history) =>
          history.namespace === namespace && history.statefulSet === statefulSet && history.deleted === undefined,
      );
      if (probed) world.violated(5, `run ${uid}, whose PgBackup is gone, is alive in ${pod} half an hour later`);
    }
  });
}

function statusOf(object: Stored | undefined): PgBackupStatus {
  return object?.['status'] ?? {};
}

function historyOf(oracle: Oracle, { metadata, ...rest }: Stored, now: number): ManagerHistory {
  let history = oracle.managers.get(metadata.uid);
  if (history === undefined) {
    const { uid, name, namespace } = metadata;
    const statefulSet = (rest['spec'] as PgManager['spec']).selector.name;
    history = {
      uid,
      name,
      namespace,
      statefulSet,
      created: now,
      wishes: [],
      cursors: [],
      missed: new Map(),
      retention: [],
    };
    oracle.managers.set(uid, history);
  }
  return history;
}

function noteWish(history: ManagerHistory, object: Stored, now: number): void {
  const spec = object['spec'] as PgManager['spec'];
  const { at, suspend: suspended, startingDeadlineSeconds: deadline, numberToRetain: keep } = spec.backup;
  const wish = { from: now, at, suspended, deadline };
  if (!isSame(history.wishes.at(-1), wish)) history.wishes.push(wish);
  const retention = { from: now, keep, adopt: spec.rotation.adopt };
  if (!isSame(history.retention.at(-1), retention)) history.retention.push(retention);
}

/** But for when it was said. */
function isSame(known: { readonly from: number } | undefined, said: { readonly from: number }): boolean {
  return isDeepStrictEqual({ ...known, from: 0 }, { ...said, from: 0 });
}

function noteStatus(oracle: Oracle, history: ManagerHistory, { object, now }: { object: Stored; now: number }): void {
  const { schedule, conditions } = (object['status'] ?? {}) as Partial<PgManager['status']>;
  if (schedule !== undefined) noteSchedule(oracle, history, { schedule, now });
  noteOutbox(oracle, history, { outbox: conditions?.rotation?.outbox ?? [], now });
  if (conditions?.storage?.state === 'unavailable') oracle.seen.add('storage unavailable');
}

function noteOutbox(
  oracle: Oracle,
  { uid }: ManagerHistory,
  { outbox, now }: { outbox: readonly PendingAnnouncement[]; now: number },
): void {
  for (const { id, outcome, deleted } of outbox) {
    oracle.seen.add(`rotation ${outcome}${deleted.length > 0 ? ' deleted' : ''}`);
    const key = `${uid}/rotation/${id}/${outcome}`;
    if (!oracle.owed.has(key)) oracle.owed.set(key, { since: now, uid });
  }
}

type PendingAnnouncement = NonNullable<RotationCondition['outbox']>[number];

function noteSchedule(
  oracle: Oracle,
  history: ManagerHistory,
  { schedule, now }: { schedule: ScheduleStatus; now: number },
): void {
  const { at, suspended, missed } = schedule;
  const cursor = history.cursors.at(-1);
  if (cursor?.at !== at || cursor.suspended !== suspended) history.cursors.push({ time: now, at, suspended });
  for (const { slot, first, count, reason } of missed?.last ?? []) {
    if (history.missed.has(slot)) continue;
    oracle.seen.add(`missed ${reason}`);
    history.missed.set(slot, { first: parseTime(first) ?? 0, last: parseTime(slot) ?? 0, count });
    oracle.owed.set(`${history.uid}/missed/${slot}`, { since: now, uid: history.uid });
  }
}

/** Invariant 3, at the moment of the claim. The proof may be some seconds old, and storage may lose it meanwhile. */
function checkSuccess(world: World, object: Stored): void {
  const { uid, name, namespace } = object.metadata;
  for (const database of world.databases.values()) {
    if (database.namespace !== namespace) continue;
    const { bucket, systemIdentifier } = database;
    const files = [...database.files.values()].find(({ id }) => id === uid);
    if (files?.exit !== undefined && files.exit.code !== 0)
      world.violated(3, `PgBackup ${name} is in success although wal-g ended with ${files.exit.code}`);
    const entry = bucket.entries.find(({ owner }) => owner?.uid === uid);
    if (entry === undefined) {
      if (bucket.deleted.some(({ owner }) => owner?.uid === uid)) return;
      continue;
    }
    if (entry.systemIdentifier !== systemIdentifier)
      world.violated(3, `PgBackup ${name} is in success with a backup of another database`);
    if (!isRestorable(bucket, entry))
      world.violated(3, `PgBackup ${name} is in success but ${entry.name} cannot be restored`);
    return;
  }
  world.violated(3, `PgBackup ${name} is in success but nothing is stored with its UID`);
}

/** Name → why it must stay: the newest n proven, what they rest on, and what is not ours. */
function protectedEntries(world: World, database: Database, deletedWithin: number): Map<string, string> {
  const { entries } = database.bucket;
  const why = new Map<string, string>();
  const { keep, adopt } = retentionOf(world, database);
  const proven = entries
    .filter((entry) => isProven(world, entry, deletedWithin) && isOurs(database, entry))
    .toSorted((a, b) => (positionOf(a.name) < positionOf(b.name) ? 1 : -1));
  for (const entry of proven.slice(0, keep)) protect(entries, entry, why);
  for (const entry of entries) {
    if (entry.permanent) why.set(entry.name, 'it is permanent');
    if (!adopt && !isOurs(database, entry)) why.set(entry.name, 'it is not ours');
    const newer = isOther(database, entry) ? oldestOf(proven) : oldestOf(proven.slice(0, keep));
    if (!isOurs(database, entry) && entry.finishedAt > newer)
      why.set(entry.name, 'it is not ours, and newer than ours');
    const unfinished = stateOfOwner(world, database, entry);
    if (unfinished === 'running') why.set(entry.name, 'its PgBackup is not finished');
  }
  return why;
}

function isProven({ scheduler, oracle }: World, { owner }: Entry, deletedWithin: number): boolean {
  if (owner === undefined || !oracle.successes.has(owner.uid)) return false;
  const deleted = oracle.successes.get(owner.uid);
  return deleted === undefined || scheduler.now() / 1000 - deleted < deletedWithin;
}

function protect(entries: readonly Entry[], entry: Entry, why: Map<string, string>): void {
  why.set(entry.name, 'it is, or is needed by, one of the newest proven backups');
  const parent = entries.find(({ name }) => name === entry.parent);
  if (parent !== undefined) protect(entries, parent, why);
}

function isOurs(database: Database, entry: Entry): boolean {
  const { namespace, statefulSet } = database;
  return entry.owner?.namespace === namespace && entry.owner.statefulSet === statefulSet && !isOther(database, entry);
}

/** Another installation made it. */
function isOther({ namespace }: Database, { owner }: Entry): boolean {
  return owner?.cluster !== undefined && owner.cluster !== `uid-of-${namespace}`;
}

function oldestOf(entries: readonly Entry[]): number {
  return Math.min(...entries.map(({ finishedAt }) => finishedAt));
}

function stateOfOwner(world: World, { namespace }: Database, { owner }: Entry): string | undefined {
  if (owner === undefined) return undefined;
  const found = world.api
    .all('pgbackups')
    .find(({ metadata }) => metadata.uid === owner.uid && metadata.namespace === namespace);
  return found === undefined ? undefined : (statusOf(found).state ?? 'pending');
}

/** The least that anybody wished to keep while this plan may have been made, and whether anybody adopted. */
function retentionOf(world: World, database: Database): { keep: number; adopt: boolean } {
  const now = world.scheduler.now() / 1000;
  const wishes = [...world.oracle.managers.values()]
    .filter(({ namespace, statefulSet }) => namespace === database.namespace && statefulSet === database.statefulSet)
    .flatMap(({ deleted = now, retention }) =>
      retention.filter((_wish, at) => (retention[at + 1]?.from ?? deleted) >= now - planAge),
    );
  if (wishes.length === 0) return { keep: Number.POSITIVE_INFINITY, adopt: false };
  return { keep: Math.min(...wishes.map(({ keep }) => keep)), adopt: wishes.some(({ adopt }) => adopt) };
}
