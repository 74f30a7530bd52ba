/** What users and faults do, as data: a scenario is a list of these, and shrinking leaves some out. */
import { slotBackupName } from '../../functions/schedule/slot-backup.ts';
import { rfc3339 } from '../../functions/domain/time.ts';
import type { Plain, Stored } from '../support/api-model.ts';
import { createBucket, createEntry } from './bucket.ts';
import { replacePod, restartContainer, scale } from './cluster.ts';
import { mendArchiving, type Database } from './database.ts';
import type { Eventing } from './eventing.ts';
import { firstSlot } from './slot-check.ts';
import { nextSegments, restartPostmaster } from './wal-g.ts';
import type { World } from './world.ts';

/** One thing that somebody does. `seconds` is how long it lasts, `number` what the kind makes of it. */
export interface Action {
  /** Seconds after the beginning. */
  readonly at: number;
  readonly kind: ActionKind;
  /** Which database, and with it which manager. */
  readonly target: number;
  readonly seconds: number;
  readonly number: number;
}

export interface ActionContext {
  readonly world: World;
  readonly eventing: Eventing;
  readonly databases: readonly Database[];
}

interface Call extends ActionContext {
  readonly action: Action;
  readonly database: Database;
  readonly manager: string;
}

const day = 86_400;

const kinds = {
  createManager: ({ world, database, manager, action }: Call) =>
    void world.api.create(managers(database), managerOf(database, manager, action.number)),
  deleteManager: (call: Call) => removeManager(call, call.manager),
  recreateManager: (call: Call) => {
    removeManager(call, call.manager);
    after(call, call.action.seconds, () => kinds.createManager(call));
  },
  rival: (call: Call) => {
    const { world, database, action } = call;
    const name = `${call.manager}-rival`;
    world.api.create(managers(database), managerOf(database, name, action.number, soon(call)));
    after(call, 300 + action.seconds, () => removeManager(call, name));
  },
  changeAt: (call: Call) => editBackup(call, { at: atOf(call.action.number) }),
  changeAtSoon: (call: Call) => editBackup(call, { at: atOf(soon(call)) }),
  suspend: (call: Call) => {
    editBackup(call, { suspend: true });
    after(call, call.action.seconds, () => editBackup(call, { suspend: false }));
  },
  retain: (call: Call) => editBackup(call, { numberToRetain: 1 + (call.action.number % 4) }),
  directory: (call: Call) => editBackup(call, { directory: `/dir-${call.action.number % 3}` }),
  adopt: (call: Call) =>
    edit(call, (spec) => ({ ...spec, rotation: { mode: 'Enforce', adopt: call.action.number % 2 === 0 } })),
  dryRun: (call: Call) => {
    edit(call, (spec) => ({ ...spec, rotation: { mode: 'DryRun', adopt: false } }));
    after(call, call.action.seconds, () =>
      edit(call, (spec) => ({ ...spec, rotation: { mode: 'Enforce', adopt: false } })),
    );
  },
  backup: (call: Call) => void manualBackup(call, 1),
  backups: (call: Call) => void manualBackup(call, 3),
  deleteBackup: ({ world, database, action }: Call) => {
    const all = world.api.all('pgbackups').filter(({ metadata }) => metadata.namespace === database.namespace);
    const chosen = all[all.length - 1 - (action.number % Math.max(1, Math.min(3, all.length)))];
    if (chosen !== undefined) removeBackup(world, chosen);
  },
  /** A person deletes the newest success. */
  forget: ({ world, database }: Call) => {
    const newest = world.api.all('pgbackups').findLast(({ metadata, ...rest }) => {
      const { state } = (rest['status'] ?? {}) as { state?: string };
      return metadata.namespace === database.namespace && state === 'success';
    });
    if (newest !== undefined) removeBackup(world, newest);
  },
  /** One that takes hours, and mostly is deleted in mid-run; every other time nobody is told. */
  abandon: (call: Call) => {
    const { world, database, action } = call;
    database.nextIsLong = true;
    const made = manualBackup(call, 1)[0];
    if (action.number % 5 === 0) return;
    world.scheduler.at(world.scheduler.now() + (30 + (action.number % 300)) * 1000, () => {
      const present = made === undefined ? undefined : world.api.get(`${backups(database)}/${made.metadata.name}`);
      if (present === undefined) return;
      const { watch } = world.outages;
      world.outages.watch = watch || action.number % 2 === 0;
      removeBackup(world, present);
      world.outages.watch = watch;
    });
  },
  takeName: ({ world, database, manager }: Call) => {
    const object = world.api.get(`${managers(database)}/${manager}`);
    if (object === undefined) return;
    const { at } = (object['spec'] as { backup: { at: string } }).backup;
    const name = slotBackupName(manager, firstSlot(at, world.scheduler.now() / 1000 + 60));
    world.api.create(backups(database), backupOf(database, name));
  },
  tamperCursor: (call: Call) =>
    call.world.api.edit(`${managers(call.database)}/${call.manager}`, (object) => {
      const history = call.world.oracle.managers.get(object.metadata.uid);
      if (history !== undefined) history.tampered = call.world.scheduler.now() / 1000;
      const status = object['status'] as { schedule?: Plain } | undefined;
      const lastSlot = rfc3339(call.world.scheduler.now() / 1000 + 40 * day);
      return { ...object, status: { ...status, schedule: { ...status?.schedule, lastSlot } } };
    }),
  scaleDown: (call: Call) => {
    scale(call.world, call.database, 0);
    after(call, call.action.seconds, () => scale(call.world, call.database, 1));
  },
  restartContainer: ({ world, database, action }: Call) =>
    restartContainer(world, database, Math.min(action.seconds, 900)),
  replacePod: ({ world, database, action }: Call) => replacePod(world, database, Math.min(action.seconds, 900)),
  restartPostmaster: ({ world, database }: Call) => {
    if (database.up) restartPostmaster(world.walG, database);
  },
  breakArchiving: (call: Call) => {
    call.database.archiving = false;
    after(call, call.action.seconds, () => mendArchiving(call.database, call.action.number % 2 === 0));
  },
  storageDown: (call: Call) => storage(call, 'down'),
  storageFull: (call: Call) => storage(call, 'full'),
  lockBucket: (call: Call) => meanwhile(call, call.database.bucket, { locked: true }),
  breakDetail: (call: Call) => meanwhile(call, call.database.bucket, { detailBroken: true }),
  changeBucket: ({ database }: Call) => void (database.bucket = createBucket(database.segment + 1)),
  foreignEntry: (call: Call) => addEntry(call, false),
  permanentEntry: (call: Call) => addEntry(call, true),
  /** Another cluster with the same names writes into the same bucket. */
  otherInstallation: ({ world, database, action }: Call) => {
    const { namespace, statefulSet } = database;
    const owner = { uid: `other-${action.at}`, namespace, statefulSet, cluster: 'uid-of-another-cluster' };
    addEntry({ world, database }, false, JSON.stringify({ aidboxops: owner }));
  },
  forbidExec: (call: Call) => meanwhile(call, call.database, { forbidden: true }),
  obstacle: (call: Call) =>
    meanwhile(call, call.database, { obstacle: { kind: 'NoWalg', detail: 'wal-g is not in the PATH' } }),
  foreignLock: (call: Call) => {
    const { database } = call;
    if (database.lock !== undefined || !database.up) return;
    database.lock = 'unknown';
    after(call, call.action.seconds, () => {
      if (database.lock === 'unknown') database.lock = undefined;
    });
  },
  apiDown: (call: Call) => meanwhile(call, call.world.outages, { api: true }),
  brokerDown: (call: Call) => meanwhile(call, call.world.outages, { broker: true }),
  brokerRestart: ({ world }: Call) => void (world.brokerEpoch += 1),
  pingsDown: (call: Call) => meanwhile(call, call.world.outages, { pings: true }),
  watchDown: (call: Call) => {
    meanwhile(call, call.world.outages, { watch: true });
    if (call.action.number % 2 === 0) after(call, call.action.seconds + 1, () => call.eventing.replay());
  },
  expireTokens: ({ world }: Call) => world.api.expireTokens(),
  forge: (call: Call) => forge(call),
} satisfies Record<string, (call: Call) => void>;

export type ActionKind = keyof typeof kinds;
export const actionKinds = Object.keys(kinds) as readonly ActionKind[];

/** None of these can hold up a stop of a run. */
const harmless: readonly ActionKind[] = [
  'abandon',
  'adopt',
  'backup',
  'backups',
  'breakArchiving',
  'changeAt',
  'changeAtSoon',
  'deleteBackup',
  'expireTokens',
  'forge',
  'foreignEntry',
  'forget',
  'lockBucket',
  'otherInstallation',
  'permanentEntry',
  'retain',
  'suspend',
  'tamperCursor',
];

/** Does it. */
export function perform(context: ActionContext, action: Action): void {
  const database = context.databases[action.target % context.databases.length]!;
  if (!harmless.includes(action.kind)) context.world.disturbed = context.world.scheduler.now();
  context.world.note(`ACTION ${action.kind} ${database.statefulSet} ${action.seconds}s #${action.number}`);
  kinds[action.kind]({ ...context, action, database, manager: `m-${database.statefulSet}` });
}

function after({ world, action }: Call, seconds: number, work: () => void): void {
  world.scheduler.at(world.scheduler.now() + seconds * 1000, () => {
    if (!harmless.includes(action.kind)) world.disturbed = world.scheduler.now();
    world.note(`END of ${action.kind}`);
    work();
  });
}

/** Until the action ends the fields have these values; then nothing is wrong with them. */
function meanwhile<T extends object>(call: Call, target: T, fields: Partial<T>): void {
  Object.assign(target, fields);
  const mended = Object.entries(fields).map(([key, value]) => [key, value === true ? false : undefined]);
  after(call, call.action.seconds, () => void Object.assign(target, Object.fromEntries(mended)));
}

function managers({ namespace }: Database): string {
  return `/apis/aidbox.pg/v01/namespaces/${namespace}/pgmanagers`;
}

function backups({ namespace }: Database): string {
  return `/apis/aidbox.pg/v01/namespaces/${namespace}/pgbackups`;
}

function managerOf(
  { namespace, statefulSet }: Database,
  name: string,
  number: number,
  at: number = secondOfDay(number),
): Plain {
  return {
    apiVersion: 'aidbox.pg/v01',
    kind: 'PgManager',
    metadata: { name, namespace },
    spec: {
      selector: { name: statefulSet },
      backup: {
        numberToRetain: 1 + (number % 3),
        at: atOf(at),
        suspend: false,
        startingDeadlineSeconds: number % 5 === 0 ? 600 : 21_600,
        timeoutSeconds: [300, 3_600, 7_200][number % 3],
        directory: '/PgBackup',
      },
      rotation: { mode: 'Enforce', adopt: false },
    },
  };
}

/** When the slot of a manager with this number is. */
export function secondOfDay(number: number): number {
  return (number * 977) % day;
}

/** Within two minutes from now, or a moment ago. */
function soon({ action, world }: Call): number {
  return world.scheduler.now() / 1000 + (action.number % 120) - 40;
}

/** A time of day from any number of seconds. */
function atOf(seconds: number): string {
  return rfc3339(((seconds % day) + day) % day).slice(11, 19);
}

function backupOf({ namespace, statefulSet }: Database, name: string): Plain {
  return {
    apiVersion: 'aidbox.pg/v01',
    kind: 'PgBackup',
    metadata: { name, namespace },
    spec: { selector: { name: statefulSet } },
  };
}

function removeManager({ world, database }: Call, name: string): void {
  const at = `${managers(database)}/${name}`;
  const object = world.api.get(at);
  if (object === undefined) return;
  world.oracle.forgiven.add(object.metadata.uid);
  world.api.remove(at);
}

function removeBackup(world: World, { metadata }: Stored): void {
  world.oracle.forgiven.add(metadata.uid);
  world.api.remove(`/apis/aidbox.pg/v01/namespaces/${metadata.namespace}/pgbackups/${metadata.name}`);
}

function edit({ world, database, manager }: Call, change: (spec: Plain) => Plain): void {
  world.api.edit(`${managers(database)}/${manager}`, (object) => ({
    ...object,
    spec: change(object['spec'] as Plain),
  }));
}

function editBackup(call: Call, fields: Plain): void {
  edit(call, (spec) => ({ ...spec, backup: { ...(spec['backup'] as Plain), ...fields } }));
}

function manualBackup({ world, database, action }: Call, count: number): (Stored | undefined)[] {
  return Array.from({ length: count }, (_, at) =>
    world.api.create(backups(database), backupOf(database, `manual-${database.statefulSet}-${action.at}-${at}`)),
  );
}

function storage(call: Call, state: 'down' | 'full'): void {
  const { bucket } = call.database;
  bucket.state = state;
  after(call, call.action.seconds, () => {
    bucket.state = 'ok';
    if (call.database.archiving) mendArchiving(call.database, false);
  });
}

function addEntry({ world, database }: Pick<Call, 'world' | 'database'>, permanent: boolean, userData?: string): void {
  const now = Math.floor(world.scheduler.now() / 1000) + database.skew;
  const { bucket, systemIdentifier } = database;
  const times = { startedAt: now - 60, finishedAt: now };
  const entry = createEntry({ ...nextSegments(world.walG, database), ...times, systemIdentifier, permanent, userData });
  bucket.entries = [...bucket.entries, entry];
}

/** Valid envelopes with content that means nothing, and look hints that nobody sent. */
function forge({ world, eventing, database, manager, action }: Call): void {
  const { namespace, statefulSet } = database;
  const backup = world.api.all('pgbackups').at(-1 - (action.number % 2));
  const name = backup?.metadata.name ?? 'nobody';
  const data = { namespace, name, statefulSet };
  const forged: readonly Plain[] = [
    { type: 'dev.knative.apiserver.resource.delete', kind: 'PgBackup', data: backup ?? data },
    { type: 'dev.knative.sources.ping', pgpurpose: 'backup', data },
    { type: 'dev.knative.sources.ping', pgpurpose: 'rotation', data: { namespace, name: manager } },
    { type: 'dev.knative.sources.ping', pgpurpose: 'slot', data: { namespace, name: manager } },
    { type: 'pg.aidbox.look.v1', pgpurpose: 'backup', data: { ...data, name: 'nobody' } },
    { type: 'pg.aidbox.backup.succeeded.v1', data },
    { type: 'pg.aidbox.sweep.page.v1', data: { tick: 'x', page: 7, kind: 'PgBackup', continue: 'y', started: 'z' } },
    { type: 'pg.aidbox.look.v1', pgpurpose: 'rotation', data: { namespace: 'x'.repeat(300), name: 7 } },
    { type: 'dev.knative.apiserver.resource.update', kind: 'PgManager', data: { kind: 'PgManager' } },
  ];
  for (const [at, chosen] of forged.entries())
    for (let copy = 0; copy <= action.number % 3; copy += 1)
      eventing.accept({ specversion: '1.0', id: `forged-${action.at}-${at}`, source: 'nobody', ...chosen } as never);
}
