/** The CRDs on a real API server: what is accepted, what is refused and with which words, who owns which part of status. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, describe, it } from 'node:test';
import { parse } from 'yaml';
import type { ApiAnswer } from '../../local/kubernetes/client/api-client.ts';
import { startApiServer, type ApiServer } from '../support/api-server.ts';

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly [key: string]: unknown };
  readonly spec: Readonly<Record<string, unknown>>;
  readonly [key: string]: unknown;
}

const folder = join(import.meta.dirname, '../../crds');
const definitions = readdirSync(folder)
  .filter((file) => file !== 'kustomization.yaml')
  .map((file) => parse(readFileSync(join(folder, file), 'utf8')) as Manifest);

let server: ApiServer;
let directory: string;
let counter = 0;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'aidboxops-crds-'));
  server = await startApiServer({ dir: directory });
  for (const definition of definitions) {
    const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
    const answer = await server.api.send({ method: 'POST', path, body: definition });
    assert.equal(answer.status, 201, text(answer));
  }
  await untilServed('pgmanagers');
  await untilServed('pgbackups');
});

after(async () => {
  await server.stop();
  await rm(directory, { recursive: true });
});

describe('the examples of the README', () => {
  const examples = `
kind: PgManager
apiVersion: aidbox.pg/v01
metadata: {name: pg-manager, namespace: pgnamespace}
spec:
  selector: {name: postgres}                      # StatefulSet in the same namespace, container \`postgres\`
  backup: {numberToRetain: 30, at: '06:00:00'}    # every day, UTC; keep the last n backups
---
kind: PgBackup                                    # created by the manager at the slot, or by a person at any time
apiVersion: aidbox.pg/v01
metadata: {name: pg-manager-backup-at-2022-01-02t06-00-00z, namespace: pgnamespace}
spec: {selector: {name: postgres}}
`;

  it('are accepted unchanged', async () => {
    const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'pgnamespace' } };
    await server.api.send({ method: 'POST', path: '/api/v1/namespaces', body: namespace });
    for (const document of examples.split('---\n')) {
      const object = parse(document) as Manifest;
      const path = `${collection(object).replace('/default/', '/pgnamespace/')}?fieldValidation=Strict`;
      const answer = await server.api.send({ method: 'POST', path, body: object });
      assert.equal(answer.status, 201, text(answer));
    }
  });

  it('get every default of the optional fields', async () => {
    const answer = await create(manager());
    assert.deepEqual(answer.body['spec'], {
      selector: { name: 'postgres' },
      backup: {
        at: '06:00:00',
        numberToRetain: 30,
        suspend: false,
        startingDeadlineSeconds: 21600,
        timeoutSeconds: 43200,
        directory: '/PgBackup',
      },
      rotation: { mode: 'Enforce', adopt: false },
    });
  });

  it('get the other default of a half given rotation', async () => {
    const answer = await create(manager({}, { rotation: { mode: 'DryRun' } }));
    assert.deepEqual((answer.body['spec'] as Manifest['spec'])['rotation'], { mode: 'DryRun', adopt: false });
  });
});

describe('accepted', () => {
  const accepted: Readonly<Record<string, Manifest>> = {
    'the first second of the day': manager({ at: '00:00:00' }),
    'the last second of the day': manager({ at: '23:59:59' }),
    'ten in the evening': manager({ at: '22:00:00' }),
    'one kept backup': manager({ numberToRetain: 1 }),
    'ten years of kept backups': manager({ numberToRetain: 3650 }),
    'a suspended manager': manager({ suspend: true }),
    'deadlines of exactly 21 h': manager({ startingDeadlineSeconds: 3600, timeoutSeconds: 72000 }),
    'the shortest deadlines': manager({ startingDeadlineSeconds: 1, timeoutSeconds: 1 }),
    'a nested directory': manager({ directory: '/var/lib/postgresql/runs' }),
    'a directory with a trailing slash': manager({ directory: '/runs/' }),
    'a hidden directory': manager({ directory: '/data/.runs' }),
    'a directory with dots inside a name': manager({ directory: '/data/a..b/...' }),
    'a directory with a blank': manager({ directory: '/my runs' }),
    'rotation that adopts': manager({}, { rotation: { adopt: true } }),
    'an empty rotation': manager({}, { rotation: {} }),
    'a StatefulSet named by one letter': manager({}, { selector: { name: 'p' } }),
    'a StatefulSet named by a digit first': manager({}, { selector: { name: '1db' } }),
    'a StatefulSet of 63 characters': manager({}, { selector: { name: 'a'.repeat(63) } }),
    'a manager name of 32 characters': named('m'.repeat(32), manager()),
    'a manager name with a dot': named('pg.manager', manager()),
    'a backup name of 240 characters': named('b'.repeat(240), backup()),
    'a generated backup name': generated('manual-', backup()),
  };
  for (const [name, object] of Object.entries(accepted)) {
    it(name, async () => {
      const answer = await create(object, 'dryRun=All&fieldValidation=Strict');
      assert.equal(answer.status, 201, text(answer));
    });
  }
});

const atMend =
  "spec.backup.at must be a UTC time of day as 'HH:MM:SS', from '00:00:00' to '23:59:59', for example '06:00:00'";
const selectorMend =
  'spec.selector.name must be the name of a StatefulSet in this namespace: lower-case letters, digits and "-", for example postgres';
const deadlinesMend =
  'spec.backup.startingDeadlineSeconds and spec.backup.timeoutSeconds must add up to at most 75600 (21 h), so that no run meets the next slot: lower one of them';
const directoryMend =
  'spec.backup.directory must be an absolute path below "/" without empty segments or control characters, for example /PgBackup';
const dotsMend = 'spec.backup.directory must not contain "..": write the path that is meant, for example /PgBackup';

describe('refused', () => {
  const refused: Readonly<Record<string, { object: Manifest; field: string; says: string }>> = {
    'an hour of one digit': at('6:00:00'),
    'a time without seconds': at('06:00'),
    'a short time': at('6:00'),
    'a time in words': at('6 am'),
    'midnight as 24 h': at('24:00:00'),
    'minute 60': at('06:60:00'),
    'second 60': at('06:00:60'),
    'an hour beyond the day': at('30:00:00'),
    'a time zone': at('06:00:00Z'),
    'a fraction': at('06:00:00.5'),
    'a cron line': at('0 6 * * *'),
    'an empty time': at(''),
    'a leading blank': at(' 06:00:00'),
    'a trailing line break': at('06:00:00\n'),
    'two lines': at('06:00:00\n07:00:00'),
    'digits of another script': at('٠٦:٠٠:٠٠'),
    // What YAML 1.1 makes of an unquoted 12:30:00.
    'a time that YAML took for a number': {
      object: manager({ at: 45000 }),
      field: 'spec.backup.at',
      says: 'spec.backup.at in body must be of type string: "integer"',
    },
    'an endless time': {
      object: manager({ at: '0'.repeat(65) }),
      field: 'spec.backup.at',
      says: 'Too long: may not be more than 64 bytes',
    },
    'no time': { object: manager({ at: undefined }), field: 'spec.backup.at', says: 'Required value' },
    'nothing kept': keep(0, 'spec.backup.numberToRetain in body should be greater than or equal to 1'),
    'less than nothing kept': keep(-1, 'spec.backup.numberToRetain in body should be greater than or equal to 1'),
    'too much kept': keep(3651, 'spec.backup.numberToRetain in body should be less than or equal to 3650'),
    'a quoted number': keep('30', 'spec.backup.numberToRetain in body must be of type integer: "string"'),
    'a fraction of a backup': keep(2.5, 'spec.backup.numberToRetain in body must be of type integer: "number"'),
    'no number': keep(undefined, 'Required value'),
    'null for a number': keep(null, 'Required value'),
    'an empty selector': { object: manager({}, { selector: {} }), field: 'spec.selector.name', says: 'Required value' },
    'no selector': { object: manager({}, { selector: undefined }), field: 'spec.selector', says: 'Required value' },
    'an empty StatefulSet name': selector(''),
    'a StatefulSet name in capitals': selector('Postgres'),
    'a StatefulSet name with a dot': selector('postgres.db'),
    'a StatefulSet name with an underscore': selector('my_postgres'),
    'a StatefulSet name with a leading dash': selector('-postgres'),
    'a StatefulSet name with a trailing dash': selector('postgres-'),
    'a StatefulSet name with a namespace': selector('shop/postgres'),
    'a StatefulSet name that climbs': selector('../postgres'),
    'a StatefulSet name of 64 characters': {
      object: manager({}, { selector: { name: 'a'.repeat(64) } }),
      field: 'spec.selector.name',
      says: 'Too long: may not be more than 63 bytes',
    },
    'a selector by label': {
      object: manager({}, { selector: { name: 'postgres', matchLabels: { app: 'postgres' } } }),
      field: '',
      says: 'unknown field "spec.selector.matchLabels"',
    },
    'no backup block': {
      object: manager(undefined, { backup: undefined }),
      field: 'spec.backup',
      says: 'Required value',
    },
    'no spec': { object: { ...manager(), spec: undefined as never }, field: 'spec', says: 'Required value' },
    'deadlines of more than 21 h': deadlines({ startingDeadlineSeconds: 36000, timeoutSeconds: 39601 }),
    'a deadline too long for the default of the other': deadlines({ timeoutSeconds: 54001 }),
    'a late start too long for the default of the other': deadlines({ startingDeadlineSeconds: 32401 }),
    'a timeout of nothing': {
      object: manager({ timeoutSeconds: 0 }),
      field: 'spec.backup.timeoutSeconds',
      says: 'spec.backup.timeoutSeconds in body should be greater than or equal to 1',
    },
    'a negative deadline': {
      object: manager({ startingDeadlineSeconds: -1 }),
      field: 'spec.backup.startingDeadlineSeconds',
      says: 'spec.backup.startingDeadlineSeconds in body should be greater than or equal to 1',
    },
    'a timeout in words': {
      object: manager({ timeoutSeconds: '12h' }),
      field: 'spec.backup.timeoutSeconds',
      says: 'spec.backup.timeoutSeconds in body must be of type integer: "string"',
    },
    'suspend in words': {
      object: manager({ suspend: 'yes' }),
      field: 'spec.backup.suspend',
      says: 'spec.backup.suspend in body must be of type boolean: "string"',
    },
    'a relative directory': inDirectory('PgBackup', directoryMend),
    'an empty directory': inDirectory('', directoryMend),
    'the root directory': inDirectory('/', directoryMend),
    'an empty path segment': inDirectory('/a//b', directoryMend),
    'a directory with a line break': inDirectory('/a\nb', directoryMend),
    'a directory with a line break at the end': inDirectory('/a\n', directoryMend),
    'a directory with a NUL': inDirectory('/a\u0000b', directoryMend),
    'a directory with a control character of the upper half': inDirectory('/a\u0085b', directoryMend),
    'a directory that climbs': inDirectory('/a/../b', dotsMend),
    'a directory that climbs at once': inDirectory('/..', dotsMend),
    'a directory that climbs at its end': inDirectory('/a/..', dotsMend),
    'a directory that climbs before its slash': inDirectory('/a/../', dotsMend),
    'a directory of 256 characters': inDirectory('/'.padEnd(256, 'a'), 'Too long: may not be more than 255 bytes'),
    'a rotation mode in lower case': {
      object: manager({}, { rotation: { mode: 'dryrun' } }),
      field: 'spec.rotation.mode',
      says: 'Unsupported value: "dryrun": supported values: "Enforce", "DryRun"',
    },
    'a misspelt field': {
      object: manager({ numberToRetian: 30 }),
      field: '',
      says: 'unknown field "spec.backup.numberToRetian"',
    },
    'a manager name of 33 characters': {
      object: named('m'.repeat(33), manager()),
      field: 'metadata.name',
      says: 'metadata.name must have at most 32 characters, because it becomes part of the name of every daily PgBackup: choose a shorter one',
    },
    'a backup name of 241 characters': {
      object: named('b'.repeat(241), backup()),
      field: 'metadata.name',
      says: 'metadata.name must have at most 240 characters, because it names the log file <name>.log: choose a shorter one',
    },
    'a backup without a selector': {
      object: { ...backup(), spec: {} },
      field: 'spec.selector',
      says: 'Required value',
    },
    'a backup with an empty selector': {
      object: { ...backup(), spec: { selector: {} } },
      field: 'spec.selector.name',
      says: 'Required value',
    },
    'a backup of an impossible StatefulSet': {
      object: { ...backup(), spec: { selector: { name: 'No Such' } } },
      field: 'spec.selector.name',
      says: selectorMend,
    },
  };
  for (const [name, { object, field, says }] of Object.entries(refused)) {
    it(name, async () => {
      const answer = await create(object, 'dryRun=All&fieldValidation=Strict');
      assertRefused(answer, field, says);
    });
  }

  it('names several faults at once', async () => {
    const faults = { at: '6:00', numberToRetain: 0, directory: 'x', timeoutSeconds: 2147483647 };
    const answer = await create(manager(faults), 'dryRun=All');
    assert.deepEqual([...new Set(causes(answer).map((cause) => cause.field))].sort(), [
      'spec.backup',
      'spec.backup.at',
      'spec.backup.directory',
      'spec.backup.numberToRetain',
      'spec.backup.timeoutSeconds',
    ]);
  });
});

describe('a change of spec', () => {
  const changes: Readonly<Record<string, { object: Manifest; patch: object; field?: string; says?: string }>> = {
    'of the time is accepted': { object: manager(), patch: { backup: { at: '07:00:00' } } },
    'of everything but the selector is accepted': {
      object: manager(),
      patch: {
        backup: { numberToRetain: 2, suspend: true, timeoutSeconds: 60, directory: '/x' },
        rotation: { mode: 'DryRun', adopt: true },
      },
    },
    "of a manager's selector is refused": {
      object: manager(),
      patch: { selector: { name: 'other' } },
      field: 'spec.selector.name',
      says: 'spec.selector.name is immutable: delete this PgManager and create one with the right name; stored backups stay',
    },
    "that takes a manager's selector away is refused": {
      object: manager(),
      patch: { selector: null },
      field: 'spec.selector',
      says: 'Required value',
    },
    'to deadlines of more than 21 h is refused': {
      object: manager(),
      patch: { backup: { timeoutSeconds: 60000 } },
      field: 'spec.backup',
      says: deadlinesMend,
    },
    'of a backup is refused': {
      object: backup(),
      patch: { selector: { name: 'other' } },
      field: 'spec',
      says: 'spec of a PgBackup is immutable: create another PgBackup',
    },
  };
  for (const [name, { object, patch, field, says }] of Object.entries(changes)) {
    it(name, async () => {
      const path = await created(object);
      const answer = await mergePatch(path, { spec: patch });
      if (says === undefined) assert.equal(answer.status, 200, text(answer));
      else assertRefused(answer, field ?? '', says);
    });
  }
});

describe('I4 the result of a PgBackup', () => {
  const finalMend =
    'status.state and status.finishTime of a finished PgBackup never change: create another PgBackup to run again';
  const running = { state: 'running', startTime: '2022-01-02T06:00:14Z' };
  const success = { ...running, state: 'success', finishTime: '2022-01-02T06:06:16Z', message: 'Job finished.' };
  const error = { ...success, state: 'error', reason: 'WalgError' };
  const unstarted = { state: 'error', reason: 'NoPodAccess', finishTime: '2022-01-02T06:00:02Z' };
  const transitions: Readonly<Record<string, { from: object; to: object | null; final?: true }>> = {
    'may come from nothing': { from: {}, to: success },
    'may come from pending': { from: { state: 'pending' }, to: error },
    'may come from running': { from: running, to: success },
    'may be announced': { from: success, to: { announced: 'success' } },
    'may get another message': { from: error, to: { message: 'WalgError: in other words' } },
    'may be the same again': { from: success, to: success },
    'does not become running': { from: success, to: { state: 'running' }, final: true },
    'does not become pending': { from: unstarted, to: { state: 'pending' }, final: true },
    'does not turn from success to error': { from: success, to: { state: 'error' }, final: true },
    'does not turn from error to success': { from: error, to: { state: 'success' }, final: true },
    'keeps its state': { from: success, to: { state: null }, final: true },
    'keeps its finish time': { from: success, to: { finishTime: '2022-01-02T06:06:17Z' }, final: true },
    'does not lose its finish time': { from: error, to: { finishTime: null }, final: true },
    'does not lose everything': { from: success, to: null, final: true },
    'is not reset as a whole': { from: success, to: { state: null, finishTime: null }, final: true },
  };
  for (const [name, { from, to, final }] of Object.entries(transitions)) {
    it(name, async () => {
      const path = await created(backup());
      const first = await mergePatch(`${path}/status`, { status: from });
      assert.equal(first.status, 200, text(first));
      const answer = await mergePatch(`${path}/status`, { status: to });
      if (final === true) assertRefused(answer, 'status', finalMend);
      else assert.equal(answer.status, 200, text(answer));
    });
  }

  it('is not cleared by a PUT without status', async () => {
    const path = await created(backup());
    const answer = await mergePatch(`${path}/status`, { status: success });
    const bare = { ...answer.body, status: undefined };
    assertRefused(await server.api.send({ method: 'PUT', path: `${path}/status`, body: bare }), 'status', finalMend);
  });

  it('is not cleared by a JSON patch', async () => {
    const path = await created(backup());
    await mergePatch(`${path}/status`, { status: success });
    const answer = await server.api.send({
      method: 'PATCH',
      path: `${path}/status`,
      body: [{ op: 'remove', path: '/status' }],
      headers: { 'Content-Type': 'application/json-patch+json' },
    });
    assertRefused(answer, 'status', finalMend);
  });

  it('H30 is not taken back by its own field manager, which leaves it out', async () => {
    const path = await created(backup());
    await apply(path, 'aidboxops-backup', { status: success });
    assertRefused(await apply(path, 'aidboxops-backup', { status: running }), 'status', finalMend);
    // With nothing left the API server sees null for status, which is no object.
    assert.equal((await apply(path, 'aidboxops-backup', { status: {} })).status, 422);
    const { status } = (await server.api.send({ method: 'GET', path })).body;
    assert.deepEqual(status, success);
  });

  it('does not keep the PgBackup from being labelled or deleted', async () => {
    const path = await created(backup());
    await mergePatch(`${path}/status`, { status: success });
    assert.equal((await mergePatch(path, { metadata: { labels: { kept: 'yes' } } })).status, 200);
    assert.equal((await server.api.send({ method: 'DELETE', path })).status, 200);
  });

  it('cannot be written by who may only write the object', async () => {
    const path = await created(backup());
    const answer = await mergePatch(path, { status: success });
    assert.equal(answer.status, 200);
    assert.equal(answer.body['status'], undefined);
  });
});

describe('status', () => {
  const executor = {
    pod: 'postgres-0',
    podUID: 'e3b0c442',
    containerID: 'containerd://1',
    postmasterStartTime: '1641103204',
    directory: '/PgBackup',
    deadline: '2022-01-02T18:00:14Z',
    host: 'postgres-0',
    ticks: '4711',
    boot: '6d5f4d5e',
    postmaster: '1641103204',
    notAfter: '2022-01-02T06:00:44Z',
    timeoutSeconds: 43200,
  };
  const managerStatus = {
    schedule: {
      at: '06:00:00',
      suspended: false,
      since: '2021-12-01T00:00:00Z',
      lastSlot: '2022-01-02T06:00:00Z',
      nextSlot: '2022-01-03T06:00:00Z',
      message: 'next backup 2022-01-03T06:00:00Z',
      missed: {
        count: 2,
        last: [{ slot: '2022-01-01T06:00:00Z', first: '2021-12-31T06:00:00Z', count: 2, reason: 'NameTaken' }],
        announced: '2022-01-01T06:00:00Z',
      },
    },
    conditions: {
      backup: {
        status: 'ok',
        message: 'ok',
        running: 'manual-1',
        lastSuccess: { name: 'b', uid: 'u', finishTime: '2022-01-02T06:06:16Z' },
        log: [
          {
            finishTime: '2022-01-02T06:06:16Z',
            name: 'b',
            reason: 'WalgError',
            startTime: '2022-01-02T06:00:14Z',
            state: 'error',
          },
        ],
      },
      rotation: {
        status: 'dryrun',
        message: 'would delete 1',
        servedBackup: 'u',
        attempt: 1,
        running: { id: 'u-1', startTime: '2022-01-02T06:06:18Z', executor: { ...executor, future: { kept: true } } },
        announced: 'u-1/success',
        planned: { id: 'u-1', cut: 'base_2', names: ['base_1'] },
        missing: ['b'],
        outbox: [{ id: 'u-1', outcome: 'refused', message: 'x', deleted: ['base_1'], kept: 2 }],
        log: [
          {
            finishTime: '2022-01-02T06:06:19Z',
            id: 'u-1',
            message: 'x',
            startTime: '2022-01-02T06:06:18Z',
            state: 'success',
          },
        ],
      },
      storage: {
        status: 'ok',
        state: 'available',
        message: 'ok',
        since: '2022-01-01T00:00:00Z',
        failures: 2,
        announced: 'available/2022-01-01T00:00:00Z',
      },
    },
  };
  const backupStatus = {
    state: 'error',
    reason: 'WalgError',
    message: 'WalgError: x\n\n  INFO: y',
    startTime: '2022-01-02T06:00:14Z',
    finishTime: '2022-01-02T06:06:16Z',
    duration: '6m02s',
    size: '1.4 GiB',
    pendingSince: '2022-01-02T06:00:00Z',
    unprovenSince: '2022-01-02T06:06:16Z',
    announced: 'started',
    backup: {
      name: 'base_000000010000000000000020',
      startLSN: '536870952',
      finishLSN: '536871168',
      systemIdentifier: '7046123456789012345',
      compressedSize: 9007199254740991,
      uncompressedSize: 9007199254740991,
      walgVersion: 'v3.0.8',
    },
    executor: { ...executor, future: { kept: true } },
  };

  it('of a PgManager keeps every field, those of a later executor too', async () => {
    const answer = await mergePatch(`${await created(manager())}/status`, { status: managerStatus });
    assert.deepEqual(answer.body['status'], managerStatus);
  });

  it('of a PgBackup keeps every field, those of a later executor too', async () => {
    const answer = await mergePatch(`${await created(backup())}/status`, { status: backupStatus });
    assert.deepEqual(answer.body['status'], backupStatus);
  });

  it('drops what nobody declared', async () => {
    const answer = await mergePatch(`${await created(backup())}/status`, { status: { state: 'running', other: 1 } });
    assert.deepEqual(answer.body['status'], { state: 'running' });
  });

  const impossible: Readonly<Record<string, { object: Manifest; status: object; field: string }>> = {
    'a state of its own': { object: backup(), status: { state: 'done' }, field: 'status.state' },
    'an announcement of its own': { object: backup(), status: { announced: 'failed' }, field: 'status.announced' },
    'a local time': { object: backup(), status: { startTime: '02.01.2022 06:00' }, field: 'status.startTime' },
    'a third failure': {
      object: manager(),
      status: { conditions: { storage: { failures: 3 } } },
      field: 'status.conditions.storage.failures',
    },
    'a sixth finished run': {
      object: manager(),
      status: { conditions: { backup: { log: Array(6).fill({ name: 'b', state: 'success' }) } } },
      field: 'status.conditions.backup.log',
    },
    'an unfinished run in the log': {
      object: manager(),
      status: { conditions: { backup: { log: [{ name: 'b', state: 'running' }] } } },
      field: 'status.conditions.backup.log[0].state',
    },
  };
  for (const [name, { object, status, field }] of Object.entries(impossible)) {
    it(`refuses ${name}`, async () => {
      assertRefused(await mergePatch(`${await created(object)}/status`, { status }), field, '');
    });
  }

  it('keeps every missed slot that is not announced yet, however long the Broker is down', async () => {
    const last = Array.from({ length: 365 }, () => ({ slot: '2022-01-01T06:00:00Z', reason: 'NameTaken', count: 1 }));
    const status = { schedule: { missed: { count: 365, last } } };
    const answer = await accepted(mergePatch(`${await created(manager())}/status`, { status }));
    assert.deepEqual(answer.body['status'], status);
  });

  it('has one owner per block: four field managers, no conflict, nothing of another is touched', async () => {
    const path = await created(manager());
    const { schedule, conditions } = managerStatus;
    await accepted(apply(path, 'aidboxops-schedule', { status: { schedule } }));
    for (const block of ['backup', 'rotation', 'storage'] as const) {
      await accepted(apply(path, `aidboxops-${block}`, { status: { conditions: { [block]: conditions[block] } } }));
    }
    // `running` is over: its owner leaves it out, which removes it and nothing else.
    const { status, message, lastSuccess, log } = conditions.backup;
    const rest = { status, message, lastSuccess, log };
    const answer = await accepted(apply(path, 'aidboxops-backup', { status: { conditions: { backup: rest } } }));
    assert.deepEqual(answer.body['status'], { schedule, conditions: { ...conditions, backup: rest } });
  });

  it('is not shared within a block', async () => {
    const path = await created(manager());
    await accepted(apply(path, 'aidboxops-storage', { status: { conditions: { storage: { state: 'available' } } } }));
    const answer = await apply(path, 'somebody', { status: { conditions: { storage: { failures: 1 } } } });
    assert.equal(answer.status, 409, text(answer));
    assert.match(String(answer.body['message']), /conflict with "aidboxops-storage".*\.status\.conditions\.storage/);
  });

  it('refuses an apply that was decided from an older object', async () => {
    const path = await created(backup());
    const { metadata } = (await server.api.send({ method: 'GET', path })).body as unknown as Manifest;
    const resourceVersion = metadata['resourceVersion'];
    await accepted(apply(path, 'aidboxops-backup', { metadata: { resourceVersion }, status: { state: 'running' } }));
    const late = await apply(path, 'aidboxops-backup', { metadata: { resourceVersion }, status: { state: 'pending' } });
    assert.equal(late.status, 409, text(late));
  });

  it('H31 refuses an apply meant for a former object of the same name', async () => {
    const object = backup();
    const path = await created(object);
    const { metadata } = (await server.api.send({ method: 'GET', path })).body as unknown as Manifest;
    const late = { metadata: { resourceVersion: metadata['resourceVersion'] }, status: { state: 'running' } };
    await server.api.send({ method: 'DELETE', path });
    const gone = await apply(path, 'aidboxops-backup', late);
    assert.ok(gone.status === 404 || gone.status === 409, text(gone));
    await created(object);
    // It is the resourceVersion that protects: a uid in an apply of status is not looked at.
    const answer = await apply(path, 'aidboxops-backup', late);
    assert.equal(answer.status, 409, text(answer));
  });

  it('may have an empty block', async () => {
    const path = await created(manager());
    const { rotation } = managerStatus.conditions;
    await accepted(apply(path, 'aidboxops-rotation', { status: { conditions: { rotation } } }));
    const answer = await accepted(apply(path, 'aidboxops-rotation', { status: { conditions: { rotation: {} } } }));
    assert.deepEqual(answer.body['status'], { conditions: { rotation: {} } });
  });

  it('is not written when an apply changes nothing', async () => {
    const path = await created(backup());
    const first = await accepted(apply(path, 'aidboxops-backup', { status: { state: 'running' } }));
    const again = await accepted(apply(path, 'aidboxops-backup', { status: { state: 'running' } }));
    assert.deepEqual(again.body['metadata'], first.body['metadata']);
  });
});

describe('kubectl get', () => {
  it('shows a manager in one line', async () => {
    const path = await created(manager({ suspend: true }));
    await mergePatch(`${path}/status`, {
      status: {
        schedule: { nextSlot: '2022-01-03T06:00:00Z' },
        conditions: {
          backup: { status: 'error', message: 'last line', lastSuccess: { finishTime: '2022-01-02T06:06:16Z' } },
          rotation: { status: 'ok' },
          storage: { state: 'unavailable' },
        },
      },
    });
    const { columns, cells } = await table(path);
    assert.deepEqual(columns, [
      'Name',
      'At',
      'Keep',
      'Last OK',
      'Backup',
      'Rotation',
      'Storage',
      'Next',
      'Suspend',
      'Age',
      'StatefulSet (wide)',
      'Message (wide)',
    ]);
    const [, time, keep, lastOk, ...others] = cells;
    assert.deepEqual([time, keep], ['06:00:00', 30]);
    assert.match(String(lastOk), /^\d+[yd]/);
    assert.deepEqual(others.toSpliced(5, 1), [
      'error',
      'ok',
      'unavailable',
      '2022-01-03T06:00:00Z',
      true,
      'postgres',
      'last line',
    ]);
  });

  it('shows a backup in one line', async () => {
    const path = await created(backup());
    await mergePatch(`${path}/status`, {
      status: {
        state: 'error',
        reason: 'WalgError',
        startTime: '2022-01-02T06:00:14Z',
        duration: '6m02s',
        size: '1.4 GiB',
        message: 'WalgError: x\nsecond line',
        backup: { name: 'base_1' },
        executor: { pod: 'postgres-0' },
      },
    });
    const { columns, cells } = await table(path);
    assert.deepEqual(columns, [
      'Name',
      'State',
      'Reason',
      'Started',
      'Duration',
      'Stored',
      'Size',
      'Age',
      'Pod (wide)',
      'Message (wide)',
    ]);
    const [, state, reason, started, duration, stored, size, , pod, message] = cells;
    assert.match(String(started), /^\d+[yd]/);
    assert.deepEqual(
      { state, reason, duration, stored, size, pod, message },
      {
        state: 'error',
        reason: 'WalgError',
        duration: '6m02s',
        stored: 'base_1',
        size: '1.4 GiB',
        pod: 'postgres-0',
        // kubectl itself cuts a cell at the first line break.
        message: 'WalgError: x\nsecond line',
      },
    );
  });

  it('leaves blank what is not known yet', async () => {
    const { cells } = await table(await created(backup()));
    assert.deepEqual([...cells.slice(1, 7), ...cells.slice(8)], Array(8).fill(null));
  });
});

describe('lists by field', () => {
  const backups: Readonly<Record<string, object>> = {
    new: {},
    running: { state: 'running', announced: 'started' },
    unannounced: { state: 'success', announced: 'started' },
    done: { state: 'success', announced: 'success' },
    failed: { state: 'error', announced: 'error' },
  };

  before(async () => {
    for (const [name, status] of Object.entries(backups)) {
      const object = named(name, backup('listed'));
      const path = await created(object);
      await mergePatch(`${path}/status`, { status });
    }
    await created(named('other', backup('elsewhere')));
    await created(named('listed', manager({}, { selector: { name: 'listed' } })));
  });

  const queries: Readonly<Record<string, { kind: string; selector: string; wanted: readonly string[] }>> = {
    'the backups of a StatefulSet': {
      kind: 'pgbackups',
      selector: 'spec.selector.name=listed',
      wanted: ['done', 'failed', 'new', 'running', 'unannounced'],
    },
    'unfinished or unannounced ones, those without status too': {
      kind: 'pgbackups',
      selector: 'spec.selector.name=listed,status.announced!=success,status.announced!=error',
      wanted: ['new', 'running', 'unannounced'],
    },
    'unfinished ones': {
      kind: 'pgbackups',
      selector: 'spec.selector.name=listed,status.state!=success,status.state!=error',
      wanted: ['new', 'running'],
    },
    'successes of a StatefulSet': {
      kind: 'pgbackups',
      selector: 'spec.selector.name=listed,status.state=success',
      wanted: ['done', 'unannounced'],
    },
    'the managers of a StatefulSet': { kind: 'pgmanagers', selector: 'spec.selector.name=listed', wanted: ['listed'] },
  };
  for (const [name, { kind, selector, wanted }] of Object.entries(queries)) {
    it(name, async () => {
      const path = `/apis/aidbox.pg/v01/${kind}?fieldSelector=${encodeURIComponent(selector)}`;
      const { items } = (await server.api.send({ method: 'GET', path })).body as unknown as { items: Manifest[] };
      assert.deepEqual(items.map((item) => item.metadata.name).sort(), wanted);
    });
  }

  it('works for no other field', async () => {
    const path = '/apis/aidbox.pg/v01/pgbackups?fieldSelector=status.reason%3DWalgError';
    const answer = await server.api.send({ method: 'GET', path });
    assert.equal(answer.status, 400);
    assert.match(String(answer.body['message']), /field label not supported: status\.reason/);
  });
});

describe('the definitions', () => {
  for (const definition of definitions) {
    it(`${definition.metadata.name} describes every field, because kubectl explain is documentation`, () => {
      const [version] = definition.spec['versions'] as { schema: { openAPIV3Schema: Schema } }[];
      assert.deepEqual(undescribed(version!.schema.openAPIV3Schema, ''), []);
    });

    it(`${definition.metadata.name} is served and structural`, async () => {
      const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${definition.metadata.name}`;
      const { status } = (await server.api.send({ method: 'GET', path })).body as {
        status: { conditions: { type: string; status: string }[] };
      };
      const states = Object.fromEntries(status.conditions.map((condition) => [condition.type, condition.status]));
      assert.deepEqual(states, { Established: 'True', NamesAccepted: 'True' });
    });
  }

  it('pin the place of a run alike for backup and rotation', () => {
    const ofBackup = fieldSchema('pgbackups.aidbox.pg', 'status.executor');
    const ofRotation = fieldSchema('pgmanagers.aidbox.pg', 'status.conditions.rotation.running.executor');
    assert.ok(ofBackup.properties?.['pod']);
    assert.deepEqual(ofRotation.properties, ofBackup.properties);
  });

  it('have short names', async () => {
    const { resources } = (await server.api.send({ method: 'GET', path: '/apis/aidbox.pg/v01' })).body as {
      resources: { name: string; shortNames?: string[] }[];
    };
    const names = Object.fromEntries(resources.map((resource) => [resource.name, resource.shortNames]));
    assert.deepEqual(names['pgmanagers'], ['pgm']);
    assert.deepEqual(names['pgbackups'], ['pgb']);
  });
});

interface Schema {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
}

/** Paths of the fields without a description; `metadata` is described by Kubernetes. */
function undescribed(schema: Schema, at: string): string[] {
  return Object.entries({ ...schema.properties, ...schema.items?.properties }).flatMap(([name, field]) => {
    if (at === '' && name === 'metadata') return [];
    const missing = (field.description ?? '') === '' ? [`${at}.${name}`] : [];
    return [...missing, ...undescribed(field, `${at}.${name}`)];
  });
}

function fieldSchema(definitionName: string, field: string): Schema {
  const definition = definitions.find(({ metadata }) => metadata.name === definitionName);
  const [version] = definition?.spec['versions'] as { schema: { openAPIV3Schema: Schema } }[];
  return field
    .split('.')
    .reduce<Schema>((schema, name) => schema.properties?.[name] ?? {}, version!.schema.openAPIV3Schema);
}

function manager(changes: object = {}, spec: object = {}): Manifest {
  return {
    apiVersion: 'aidbox.pg/v01',
    kind: 'PgManager',
    metadata: { name: `manager-${(counter += 1)}` },
    spec: {
      selector: { name: 'postgres' },
      backup: { numberToRetain: 30, at: '06:00:00', ...changes },
      ...spec,
    },
  };
}

function backup(statefulSet = 'postgres'): Manifest {
  return {
    apiVersion: 'aidbox.pg/v01',
    kind: 'PgBackup',
    metadata: { name: `backup-${(counter += 1)}` },
    spec: { selector: { name: statefulSet } },
  };
}

function named(name: string, object: Manifest): Manifest {
  return { ...object, metadata: { name } };
}

function generated(prefix: string, object: Manifest): Manifest {
  return { ...object, metadata: { generateName: prefix } as never };
}

interface Refusal {
  readonly object: Manifest;
  readonly field: string;
  readonly says: string;
}

function at(time: string): Refusal {
  return { object: manager({ at: time }), field: 'spec.backup.at', says: atMend };
}

function keep(numberToRetain: unknown, says: string): Refusal {
  return { object: manager({ numberToRetain }), field: 'spec.backup.numberToRetain', says };
}

function selector(name: string): Refusal {
  return { object: manager({}, { selector: { name } }), field: 'spec.selector.name', says: selectorMend };
}

function deadlines(values: object): Refusal {
  return { object: manager(values), field: 'spec.backup', says: deadlinesMend };
}

function inDirectory(path: string, says: string): Refusal {
  return { object: manager({ directory: path }), field: 'spec.backup.directory', says };
}

function collection(object: Manifest): string {
  return `/apis/aidbox.pg/v01/namespaces/default/${object.kind.toLowerCase()}s`;
}

function create(object: Manifest, query = ''): Promise<ApiAnswer> {
  return server.api.send({ method: 'POST', path: `${collection(object)}?${query}`, body: object });
}

/** Creates and returns the object's path. */
async function created(object: Manifest): Promise<string> {
  const answer = await create(object);
  assert.equal(answer.status, 201, text(answer));
  return `${collection(object)}/${object.metadata.name}`;
}

function mergePatch(path: string, body: object): Promise<ApiAnswer> {
  return server.api.send({ method: 'PATCH', path, body, headers: { 'Content-Type': 'application/merge-patch+json' } });
}

/** Server-side apply of status as the functions do it: no force. */
function apply(path: string, fieldManager: string, object: { metadata?: object; status: object }): Promise<ApiAnswer> {
  const [plural, name] = path.split('/').slice(-2);
  return server.api.send({
    method: 'PATCH',
    path: `${path}/status?fieldManager=${fieldManager}`,
    body: {
      apiVersion: 'aidbox.pg/v01',
      kind: plural === 'pgmanagers' ? 'PgManager' : 'PgBackup',
      metadata: { name, namespace: 'default', ...object.metadata },
      status: object.status,
    },
    headers: { 'Content-Type': 'application/apply-patch+yaml' },
  });
}

async function accepted(call: Promise<ApiAnswer>): Promise<ApiAnswer> {
  const answer = await call;
  assert.equal(answer.status, 200, text(answer));
  return answer;
}

interface Cause {
  readonly field: string;
  readonly message: string;
}

function causes(answer: ApiAnswer): readonly Cause[] {
  const details = answer.body['details'] as { causes?: Cause[] } | undefined;
  // The API server adds a cause without a field when a wrong type kept it from looking further.
  return (details?.causes ?? []).filter((cause) => cause.field !== '<nil>');
}

/** Refused because of `field` and nothing else, in these words. An unknown field comes without a cause. */
function assertRefused(answer: ApiAnswer, field: string, says: string): void {
  assert.ok(answer.status === 422 || answer.status === 400, text(answer));
  if (field === '') return assert.ok(String(answer.body['message']).includes(says), text(answer));
  assert.deepEqual([...new Set(causes(answer).map((cause) => cause.field))], [field], text(answer));
  assert.ok(
    causes(answer).some((cause) => cause.message.endsWith(says)),
    `wanted: ${says}\n${text(answer)}`,
  );
}

/** What kubectl prints from: names of columns and the cells of the one row. */
async function table(path: string): Promise<{ columns: string[]; cells: unknown[] }> {
  const answer = await server.api.send({
    method: 'GET',
    path,
    headers: { Accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
  });
  const { columnDefinitions, rows } = answer.body as unknown as {
    columnDefinitions: { name: string; priority: number }[];
    rows: { cells: unknown[] }[];
  };
  return {
    columns: columnDefinitions.map(({ name, priority }) => (priority === 0 ? name : `${name} (wide)`)),
    cells: rows[0]?.cells ?? [],
  };
}

async function untilServed(plural: string): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const answer = await server.api.send({ method: 'GET', path: `/apis/aidbox.pg/v01/${plural}` });
    if (answer.status === 200) return;
    await sleep(100);
  }
  assert.fail(`${plural} are not served`);
}

function text(answer: ApiAnswer): string {
  return `${answer.status} ${JSON.stringify(answer.body['message'] ?? answer.body)}`;
}
