/** What each CloudEvent says. What it takes over from a status is read from the CRD. */
import type { eventType } from '../../functions/domain/events/cloud-event.ts';
import type { FailureKind } from '../../functions/domain/failure-kinds.ts';
import { fieldAt, pgBackup, pgManager } from './crds.ts';
import {
  count,
  field,
  flag,
  name,
  objectField,
  oneOf,
  optional,
  text,
  time,
  wordOf,
  type Properties,
  type Property,
} from './json-schema.ts';

interface Event {
  readonly title: string;
  readonly data: Properties;
  readonly example: object;
}

const failureKinds: Record<FailureKind, true> = {
  NoPodAccess: true,
  AlreadyRunning: true,
  WalgError: true,
  InitializationError: true,
};

const missed = 'status.schedule.missed.last[]';
const outbox = 'status.conditions.rotation.outbox[]';
const storage = 'status.conditions.storage';

const nonEmpty = { minLength: 1 };
const statefulSet = name('Name of the StatefulSet.');
const storedBackup = objectField(pgBackup, 'status.backup', 'name');
const started = field(pgBackup, 'status.startTime', {
  description: 'When wal-g started, by the clock of the database pod.',
});

const backup = {
  ...identityOf('PgBackup'),
  statefulSet,
  manager: optional(name('Name of the PgManager whose slot it was; absent for a manual backup.')),
};

const rotation = {
  ...identityOf('PgManager'),
  statefulSet,
  id: field(pgManager, `${outbox}.id`, nonEmpty),
  outcome: name("How the run ended; part of the event's id."),
  deleted: field(pgManager, `${outbox}.deleted`),
};

const dryRun = flag('Whether nothing was deleted because spec.rotation.mode is DryRun.');

const uid = '3f0c6b1e-1b1c-4f0e-9a53-0d8a6b0b6c11';
const aManager = { namespace: 'shop', name: 'pg-manager', uid };
const aBackup = {
  namespace: 'shop',
  name: 'pg-manager-backup-at-2022-01-02t06-00-00z',
  uid,
  statefulSet: 'postgres',
  manager: 'pg-manager',
};
const aPage = {
  tick: '0d9f6c1e-6f5b-4b7e-8d3e-2f8a4f2f8f10',
  page: 2,
  continue: 'eyJ2IjoibWV0YS5rOHMuaW8vdjEifQ',
  started: '2022-01-02T06:07:40Z',
};

export const events: Readonly<Record<keyof typeof eventType, Event>> = {
  backupStarted: {
    title: 'A backup started',
    data: {
      ...backup,
      state: stateOf('running'),
      startTime: started,
    },
    example: { ...aBackup, state: 'running', startTime: '2022-01-02T06:00:14Z' },
  },
  backupSucceeded: {
    title: 'A backup is stored and proved to be restorable',
    data: {
      ...backup,
      state: stateOf('success'),
      startTime: started,
      finishTime: field(pgBackup, 'status.finishTime'),
      message: optional(text('One line for people.')),
      backup: storedBackup,
    },
    example: {
      ...aBackup,
      state: 'success',
      startTime: '2022-01-02T06:00:14Z',
      finishTime: '2022-01-02T06:06:16Z',
      message: 'Job finished in 362 seconds.',
      backup: {
        name: 'base_000000010000000000000020',
        finishLSN: '536871168',
        systemIdentifier: '7046123456789012345',
      },
    },
  },
  backupFailed: {
    title: 'A backup failed',
    data: {
      ...backup,
      state: stateOf('error'),
      startTime: optional(field(pgBackup, 'status.startTime')),
      finishTime: time('When the backup failed.'),
      reason: oneOf(Object.keys(failureKinds), 'Kind of the failure.'),
      message: name('What happened and what to do; begins with the kind.'),
      backup: optional(
        objectField(
          pgBackup,
          'status.backup',
          'name',
          'What was stored although the backup counts as failed, when that is known.',
        ),
      ),
    },
    example: {
      ...aBackup,
      state: 'error',
      finishTime: '2022-01-02T06:00:02Z',
      reason: 'AlreadyRunning',
      message:
        'AlreadyRunning: PgBackup manual-1 has been backing up StatefulSet postgres since 05:58:10Z. Nothing was started. Wait for it, or delete it to stop it.',
    },
  },
  backupMissed: {
    title: 'Slots passed in which no backup could be started',
    data: {
      ...identityOf('PgManager'),
      first: field(pgManager, `${missed}.first`),
      last: field(pgManager, `${missed}.slot`),
      count: field(pgManager, `${missed}.count`, { description: 'How many slots were missed from first to last.' }),
      reason: field(pgManager, `${missed}.reason`, { pattern: '^[A-Z][A-Za-z]*$' }),
    },
    example: {
      ...aManager,
      first: '2021-12-31T06:00:00Z',
      last: '2022-01-01T06:00:00Z',
      count: 2,
      reason: 'NameTaken',
    },
  },
  rotationSucceeded: {
    title: 'Old backups were removed, or there was nothing to remove',
    data: {
      ...rotation,
      kept: field(pgManager, `${outbox}.kept`, { description: 'How many backups are stored now.' }),
      message: name('One line for people.'),
      dryRun,
    },
    example: {
      ...aManager,
      statefulSet: 'postgres',
      id: `${uid}-1`,
      outcome: 'success',
      deleted: ['base_000000010000000000000003'],
      kept: 30,
      message: '30 stored, 1 deleted (base_000000010000000000000003); oldest 2021-12-04T06:00:00Z',
      dryRun: false,
    },
  },
  rotationFailed: {
    title: 'Old backups were not removed',
    data: {
      ...rotation,
      kept: optional(field(pgManager, `${outbox}.kept`)),
      message: name('Why nothing or not everything was deleted, and what to do.'),
      dryRun,
    },
    example: {
      ...aManager,
      statefulSet: 'postgres',
      id: `${uid}-1`,
      outcome: 'refused',
      deleted: [],
      kept: 200,
      message:
        'refused: 170 of 200 stored backups are not ours (oldest 2020-03-01). Set spec.rotation.adopt: true to include them; takes effect after the next successful backup.',
      dryRun: false,
    },
  },
  storageAvailable: {
    title: 'Backup storage can be read and written again',
    data: storageData('available'),
    example: storageExample('available', 'ok'),
  },
  storageUnavailable: {
    title: 'Backup storage cannot be read or written',
    data: storageData('unavailable'),
    example: storageExample('unavailable', 'unavailable since 02:14Z: write check: "NoSuchBucket"'),
  },
  reconcileRequested: {
    title:
      'Asks another function to reconcile the backups of one database; the extension attribute pgpurpose repeats the purpose',
    data: {
      namespace: name('Namespace of the object to reconcile.'),
      name: name('Name of the PgBackup (purpose backup) or PgManager (purpose rotation).'),
      statefulSet: optional(name('Name of the StatefulSet, when it is known.')),
      purpose: oneOf(['backup', 'rotation'], 'Which function reconciles.'),
    },
    example: { namespace: 'shop', name: 'pg-manager', purpose: 'rotation' },
  },
  wake: {
    title: 'Starts the backup function a few seconds before a slot; there is nothing to do yet',
    data: { slot: time('When the slot is.') },
    example: { slot: '2022-01-02T06:00:00Z' },
  },
  sweepPage: {
    title: 'A page of a sweep that is still to be done; internal',
    data: pageData('sweep', ['PgManager', 'PgBackup']),
    example: { ...aPage, kind: 'PgBackup' },
  },
  probePage: {
    title: 'A page of a probe that is still to be done; internal',
    data: pageData('probe', ['PgManager']),
    example: { ...aPage, kind: 'PgManager' },
  },
};

function identityOf(kind: 'PgManager' | 'PgBackup'): Properties {
  return {
    namespace: name(`Namespace of the ${kind}.`),
    name: name(`Name of the ${kind}.`),
    uid: name(`UID of the ${kind}.`),
  };
}

function stateOf(state: string): Property {
  return wordOf(fieldAt(pgBackup, 'status.state'), state, 'State of the PgBackup.');
}

function storageData(state: string): Properties {
  return {
    ...identityOf('PgManager'),
    statefulSet,
    state: wordOf(fieldAt(pgManager, `${storage}.state`), state, 'State of backup storage.'),
    since: field(pgManager, `${storage}.since`),
    message: field(pgManager, `${storage}.message`, nonEmpty),
  };
}

function storageExample(state: string, message: string): object {
  return { ...aManager, statefulSet: 'postgres', state, since: '2022-01-02T02:14:00Z', message };
}

function pageData(what: string, kinds: readonly string[]): Properties {
  return {
    tick: name(`Id of the tick that began the ${what}; all its pages carry it.`),
    page: count(1, 'Number of the page within the tick.'),
    continue: text('List token of the API server at which the page begins; empty for the first page of a kind.'),
    kind: oneOf(kinds, 'What is listed.'),
    started: time('When the tick began; pages that are too old are dropped.'),
  };
}
