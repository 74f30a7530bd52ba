/** The CRDs on a real API server: what is accepted, what is refused and with which words, who owns which part of status. */
import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parseAllDocuments } from 'yaml';
import type { ApiAnswer } from '../../local/kubernetes/client/api-client.ts';
import { fieldAt, pgBackup, pgManager, type Schema } from '../../tools/generate/crds.ts';
import type { ApiServer } from '../support/api-server.ts';
import { serveKinds, type ServedKinds } from '../support/definitions.ts';

type Fields = Readonly<Record<string, unknown>>;

interface Manifest extends Fields {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly [key: string]: unknown };
}

let served: ServedKinds;
let server: ApiServer;
let counter = 0;

before(async () => {
  served = await serveKinds(mkdtempSync(join(tmpdir(), 'aidboxops-crds-')), ['pgnamespace']);
  ({ server } = served);
});

after(() => (served as ServedKinds | undefined)?.close());

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
    for (const document of parseAllDocuments(examples)) {
      const object = document.toJS() as Manifest;
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
    const answer = await create(withField(manager(), 'spec.rotation', { mode: 'DryRun' }));
    assert.deepEqual((answer.body['spec'] as Fields)['rotation'], { mode: 'DryRun', adopt: false });
  });
});

/** Makes an object of its own with every call. */
type Make = () => Manifest;

describe('accepted', () => {
  /** Registers a test for each value of a field, by what it is. */
  function accepts(make: Make, field: string, values: Fields): void {
    for (const [name, value] of Object.entries(values)) {
      it(name, async () => {
        const answer = await create(withField(make(), field, value), 'dryRun=All&fieldValidation=Strict');
        assert.equal(answer.status, 201, text(answer));
      });
    }
  }

  accepts(manager, 'spec.backup.at', {
    'the first second of the day': '00:00:00',
    'the last second of the day': '23:59:59',
    'ten in the evening': '22:00:00',
  });
  accepts(manager, 'spec.backup.numberToRetain', { 'one kept backup': 1, 'ten years of kept backups': 3650 });
  accepts(manager, 'spec.backup', {
    'a suspended manager': { suspend: true },
    'deadlines of exactly 21 h': { startingDeadlineSeconds: 3600, timeoutSeconds: 72000 },
    'the shortest deadlines': { startingDeadlineSeconds: 1, timeoutSeconds: 1 },
  });
  accepts(manager, 'spec.backup.directory', {
    'a nested directory': '/var/lib/postgresql/runs',
    'a directory with a trailing slash': '/runs/',
    'a hidden directory': '/data/.runs',
    'a directory with dots inside a name': '/data/a..b/...',
    'a directory with a blank': '/my runs',
  });
  accepts(manager, 'spec.rotation', {
    'rotation that adopts': { adopt: true },
    'rotation that takes another installation over': { adoptFrom: ['4c21e2aa-0d54-4b9b-b0b2-4a4c3e1c8f10'] },
    'an empty rotation': {},
  });
  accepts(manager, 'spec.selector.name', {
    'a StatefulSet named by one letter': 'p',
    'a StatefulSet named by a digit first': '1db',
    'a StatefulSet of 63 characters': 'a'.repeat(63),
  });
  accepts(manager, 'metadata.name', {
    'a manager name of 32 characters': 'm'.repeat(32),
    'a manager name with a dot': 'pg.manager',
  });
  accepts(backup, 'metadata', {
    'a backup name of 240 characters': { name: 'b'.repeat(240) },
    'a generated backup name': { name: undefined, generateName: 'manual-' },
  });
});

const selectorMend =
  'spec.selector.name must be the name of a StatefulSet in this namespace: lower-case letters, digits and "-", for example postgres';
const deadlinesMend =
  'spec.backup.startingDeadlineSeconds and spec.backup.timeoutSeconds must add up to at most 75600 (21 h), so that no run meets the next slot: lower one of them';

describe('refused', () => {
  /** Registers a test for each value of a field, by what it is; `says` is the end of the message. */
  function refuses(make: Make, field: string, says: string, values: Fields): void {
    for (const [name, value] of Object.entries(values)) {
      it(name, async () => {
        const answer = await create(withField(make(), field, value), 'dryRun=All&fieldValidation=Strict');
        assertRefused(answer, field, says);
      });
    }
  }

  const time =
    "spec.backup.at must be a UTC time of day as 'HH:MM:SS', from '00:00:00' to '23:59:59', for example '06:00:00'";
  refuses(manager, 'spec.backup.at', time, {
    'an hour of one digit': '6:00:00',
    'a time without seconds': '06:00',
    'a short time': '6:00',
    'a time in words': '6 am',
    'midnight as 24 h': '24:00:00',
    'minute 60': '06:60:00',
    'second 60': '06:00:60',
    'an hour beyond the day': '30:00:00',
    'a time zone': '06:00:00Z',
    'a fraction': '06:00:00.5',
    'a cron line': '0 6 * * *',
    'an empty time': '',
    'a leading blank': ' 06:00:00',
    'a trailing line break': '06:00:00\n',
    'two lines': '06:00:00\n07:00:00',
    'digits of another script': '٠٦:٠٠:٠٠',
  });
  // What YAML 1.1 makes of an unquoted 12:30:00.
  refuses(manager, 'spec.backup.at', 'must be of type string: "integer"', {
    'a time that YAML took for a number': 45000,
  });
  refuses(manager, 'spec.backup.at', 'Too long: may not be more than 64 bytes', { 'an endless time': '0'.repeat(65) });

  const numberToRetain = 'spec.backup.numberToRetain';
  refuses(manager, numberToRetain, `${numberToRetain} in body should be greater than or equal to 1`, {
    'nothing kept': 0,
    'less than nothing kept': -1,
  });
  refuses(manager, numberToRetain, `${numberToRetain} in body should be less than or equal to 3650`, {
    'too much kept': 3651,
  });
  refuses(manager, numberToRetain, 'must be of type integer: "string"', { 'a quoted number': '30' });
  refuses(manager, numberToRetain, 'must be of type integer: "number"', { 'a fraction of a backup': 2.5 });
  refuses(manager, numberToRetain, 'Required value', { 'no number': undefined, 'null for a number': null });

  refuses(manager, 'spec.selector.name', selectorMend, {
    'an empty StatefulSet name': '',
    'a StatefulSet name in capitals': 'Postgres',
    'a StatefulSet name with a dot': 'postgres.db',
    'a StatefulSet name with an underscore': 'my_postgres',
    'a StatefulSet name with a leading dash': '-postgres',
    'a StatefulSet name with a trailing dash': 'postgres-',
    'a StatefulSet name with a namespace': 'shop/postgres',
    'a StatefulSet name that climbs': '../postgres',
  });
  refuses(manager, 'spec.selector.name', 'Too long: may not be more than 63 bytes', {
    'a StatefulSet name of 64 characters': 'a'.repeat(64),
  });

  const directory =
    'spec.backup.directory must be an absolute path below "/" without empty segments or control characters, for example /PgBackup';
  refuses(manager, 'spec.backup.directory', directory, {
    'a relative directory': 'PgBackup',
    'an empty directory': '',
    'the root directory': '/',
    'an empty path segment': '/a//b',
    'a directory with a line break': '/a\nb',
    'a directory with a line break at the end': '/a\n',
    'a directory with a NUL': '/a\u0000b',
    'a directory with a control character of the upper half': '/a\u0085b',
  });
  const dots = 'spec.backup.directory must not contain "..": write the path that is meant, for example /PgBackup';
  refuses(manager, 'spec.backup.directory', dots, {
    'a directory that climbs': '/a/../b',
    'a directory that climbs at once': '/..',
    'a directory that climbs at its end': '/a/..',
    'a directory that climbs before its slash': '/a/../',
  });
  refuses(manager, 'spec.backup.directory', 'Too long: may not be more than 255 bytes', {
    'a directory of 256 characters': '/'.padEnd(256, 'a'),
  });

  refuses(manager, 'spec.backup', deadlinesMend, {
    'deadlines of more than 21 h': { startingDeadlineSeconds: 36000, timeoutSeconds: 39601 },
    'a deadline too long for the default of the other': { timeoutSeconds: 54001 },
    'a late start too long for the default of the other': { startingDeadlineSeconds: 32401 },
  });
  const atLeastOne = 'in body should be greater than or equal to 1';
  refuses(manager, 'spec.backup.timeoutSeconds', atLeastOne, { 'a timeout of nothing': 0 });
  refuses(manager, 'spec.backup.startingDeadlineSeconds', atLeastOne, { 'a negative deadline': -1 });
  refuses(manager, 'spec.backup.timeoutSeconds', 'must be of type integer: "string"', { 'a timeout in words': '12h' });
  refuses(manager, 'spec.backup.suspend', 'must be of type boolean: "string"', { 'suspend in words': 'yes' });
  const modes = 'Unsupported value: "dryrun": supported values: "Enforce", "DryRun"';
  refuses(manager, 'spec.rotation.mode', modes, { 'a rotation mode in lower case': 'dryrun' });

  refuses(manager, 'spec.rotation.adoptFrom', 'must be of type array: "string"', { 'a UID that is no list': 'a' });

  for (const field of ['spec', 'spec.selector', 'spec.selector.name', 'spec.backup', 'spec.backup.at'])
    refuses(manager, field, 'Required value', { [`a manager without ${field}`]: undefined });
  for (const field of ['spec.selector', 'spec.selector.name'])
    refuses(backup, field, 'Required value', { [`a backup without ${field}`]: undefined });
  refuses(backup, 'spec.selector.name', selectorMend, { 'a backup of an impossible StatefulSet': 'No Such' });
  for (const field of ['spec.selector.matchLabels', 'spec.backup.numberToRetian'])
    refuses(manager, field, `unknown field "${field}"`, { [`a field that is not there: ${field}`]: 30 });

  const managerName =
    'metadata.name must have at most 32 characters, because it becomes part of the name of every daily PgBackup: choose a shorter one';
  refuses(manager, 'metadata.name', managerName, { 'a manager name of 33 characters': 'm'.repeat(33) });
  const backupName =
    'metadata.name must have at most 240 characters, because it names the log file <name>.log: choose a shorter one';
  refuses(backup, 'metadata.name', backupName, { 'a backup name of 241 characters': 'b'.repeat(241) });

  it('names several faults at once', async () => {
    const faults = { at: '6:00', numberToRetain: 0, directory: 'x', timeoutSeconds: 2147483647 };
    const answer = await create(withField(manager(), 'spec.backup', faults), 'dryRun=All');
    const fields = ['', '.at', '.directory', '.numberToRetain', '.timeoutSeconds'].map((name) => `spec.backup${name}`);
    assert.deepEqual(fieldsAtFault(answer).sort(), fields);
  });
});

describe('a change of spec', () => {
  /** Registers a test of a merge patch, and of the refusal if there is one. */
  function changes(name: string, make: Make, spec: object, refusal?: readonly [field: string, says: string]): void {
    it(name, async () => {
      const answer = await mergePatch(await created(make()), { spec });
      if (refusal === undefined) assert.equal(answer.status, 200, text(answer));
      else assertRefused(answer, ...refusal);
    });
  }

  changes('of the time is accepted', manager, { backup: { at: '07:00:00' } });
  changes('of everything but the selector is accepted', manager, {
    backup: { numberToRetain: 2, suspend: true, timeoutSeconds: 60, directory: '/x' },
    rotation: { mode: 'DryRun', adopt: true },
  });
  changes("of a manager's selector is refused", manager, { selector: { name: 'other' } }, [
    'spec.selector.name',
    'spec.selector.name is immutable: delete this PgManager and create one with the right name; stored backups stay',
  ]);
  changes("that takes a manager's selector away is refused", manager, { selector: null }, [
    'spec.selector',
    'Required value',
  ]);
  changes('to deadlines of more than 21 h is refused', manager, { backup: { timeoutSeconds: 60000 } }, [
    'spec.backup',
    deadlinesMend,
  ]);
  changes('of a backup is refused', backup, { selector: { name: 'other' } }, [
    'spec',
    'spec of a PgBackup is immutable: create another PgBackup',
  ]);
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
      const path = await withStatus(backup(), from);
      const answer = await mergePatch(`${path}/status`, { status: to });
      if (final === true) assertRefused(answer, 'status', finalMend);
      else assert.equal(answer.status, 200, text(answer));
    });
  }

  it('is not cleared by a PUT without status', async () => {
    const path = await withStatus(backup(), success);
    const body = { ...(await get(path)), status: undefined };
    assertRefused(await server.api.send({ method: 'PUT', path: `${path}/status`, body }), 'status', finalMend);
  });

  it('is not cleared by a JSON patch', async () => {
    const path = await withStatus(backup(), success);
    const removal = [{ op: 'remove', path: '/status' }];
    assertRefused(await patch(`${path}/status`, 'json-patch+json', removal), 'status', finalMend);
  });

  it('H30 is not taken back by its own field manager, which leaves it out', async () => {
    const path = await created(backup());
    await apply(path, 'aidboxops-backup', { status: success });
    assertRefused(await apply(path, 'aidboxops-backup', { status: running }), 'status', finalMend);
    // With nothing left the API server sees null for status, which is no object.
    assert.equal((await apply(path, 'aidboxops-backup', { status: {} })).status, 422);
    assert.deepEqual((await get(path))['status'], success);
  });

  it('does not keep the PgBackup from being labelled or deleted', async () => {
    const path = await withStatus(backup(), success);
    assert.equal((await mergePatch(path, { metadata: { labels: { kept: 'yes' } } })).status, 200);
    assert.equal((await server.api.send({ method: 'DELETE', path })).status, 200);
  });

  it('cannot be written by who may only write the object', async () => {
    const { body } = await accepted(mergePatch(await created(backup()), { status: success }));
    assert.equal(body['status'], undefined);
  });
});

describe('status', () => {
  const managerStatus = everyField(fieldAt(pgManager, 'status')) as {
    readonly schedule: object;
    readonly conditions: Readonly<Record<'backup' | 'rotation' | 'storage', Fields>>;
  };

  for (const [make, whole] of [
    [manager, managerStatus],
    [backup, everyField(fieldAt(pgBackup, 'status'))],
  ] as const) {
    it(`of a ${make().kind} keeps every field, those of a later executor too`, async () => {
      assert.deepEqual((await get(await withStatus(make(), whole)))['status'], whole);
    });
  }

  it('drops what nobody declared', async () => {
    const path = await withStatus(backup(), { state: 'running', other: 1 });
    assert.deepEqual((await get(path))['status'], { state: 'running' });
  });

  const sixRuns = Array(6).fill({ name: 'b', state: 'success' });
  for (const [name, make, field, value] of [
    ['a state of its own', backup, 'status.state', 'done'],
    ['an announcement of its own', backup, 'status.announced', 'failed'],
    ['a local time', backup, 'status.startTime', '02.01.2022 06:00'],
    ['a third failure', manager, 'status.conditions.storage.failures', 3],
    ['a sixth finished run', manager, 'status.conditions.backup.log', sixRuns],
  ] as const) {
    it(`refuses ${name}`, async () => {
      const path = await created(make());
      assertRefused(await mergePatch(`${path}/status`, withField({}, field, value)), field, '');
    });
  }

  it('refuses an unfinished run in the log', async () => {
    const status = { conditions: { backup: { log: [{ name: 'b', state: 'running' }] } } };
    const answer = await mergePatch(`${await created(manager())}/status`, { status });
    assertRefused(answer, 'status.conditions.backup.log[0].state', '');
  });

  it('keeps every missed slot that is not announced yet, however long the Broker is down', async () => {
    const last = Array.from({ length: 365 }, () => ({ slot: '2022-01-01T06:00:00Z', reason: 'NameTaken', count: 1 }));
    const status = { schedule: { missed: { count: 365, last } } };
    assert.deepEqual((await get(await withStatus(manager(), status)))['status'], status);
  });

  it('has one owner per block: four field managers, no conflict, nothing of another is touched', async () => {
    const path = await created(manager());
    const { schedule, conditions } = managerStatus;
    await accepted(apply(path, 'aidboxops-schedule', { status: { schedule } }));
    for (const block of ['backup', 'rotation', 'storage'] as const) {
      await accepted(apply(path, `aidboxops-${block}`, { status: { conditions: { [block]: conditions[block] } } }));
    }
    // `running` is over: its owner leaves it out, which removes it and nothing else.
    const rest = { ...conditions.backup };
    delete rest['running'];
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
    const { resourceVersion } = (await get(path)).metadata;
    await accepted(apply(path, 'aidboxops-backup', { metadata: { resourceVersion }, status: { state: 'running' } }));
    const late = await apply(path, 'aidboxops-backup', { metadata: { resourceVersion }, status: { state: 'pending' } });
    assert.equal(late.status, 409, text(late));
  });

  it('H31 refuses an apply meant for a former object of the same name', async () => {
    const object = backup();
    const path = await created(object);
    const { resourceVersion } = (await get(path)).metadata;
    const late = { metadata: { resourceVersion }, status: { state: 'running' } };
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
    const path = await withStatus(withField(manager(), 'spec.backup.suspend', true), {
      schedule: { nextSlot: '2022-01-03T06:00:00Z' },
      conditions: {
        backup: { status: 'error', message: 'last line', lastSuccess: { finishTime: '2022-01-02T06:06:16Z' } },
        rotation: { status: 'ok' },
        storage: { state: 'unavailable' },
      },
    });
    const row = await rowOf(path);
    const columns =
      'Name, At, Keep, Last OK, Backup, Rotation, Storage, Next, Suspend, Age, StatefulSet (wide), Message (wide)';
    assert.equal(Object.keys(row).join(', '), columns);
    assert.match(String(row['Last OK']), /^\d+[yd]/);
    assert.partialDeepStrictEqual(row, {
      At: '06:00:00',
      Keep: 30,
      Backup: 'error',
      Rotation: 'ok',
      Storage: 'unavailable',
      Next: '2022-01-03T06:00:00Z',
      Suspend: true,
      'StatefulSet (wide)': 'postgres',
      'Message (wide)': 'last line',
    });
  });

  it('shows a backup in one line', async () => {
    const shown = { state: 'error', reason: 'WalgError', duration: '6m02s', size: '1.4 GiB' };
    // kubectl itself cuts a cell at the first line break.
    const message = 'WalgError: x\nsecond line';
    const others = { startTime: '2022-01-02T06:00:14Z', backup: { name: 'base_1' }, executor: { pod: 'postgres-0' } };
    const row = await rowOf(await withStatus(backup(), { ...shown, message, ...others }));
    const columns = 'Name, State, Reason, Started, Duration, Stored, Size, Age, Pod (wide), Message (wide)';
    assert.equal(Object.keys(row).join(', '), columns);
    assert.match(String(row['Started']), /^\d+[yd]/);
    assert.partialDeepStrictEqual(row, { State: 'error', Reason: 'WalgError', Duration: '6m02s', Size: '1.4 GiB' });
    assert.partialDeepStrictEqual(row, { Stored: 'base_1', 'Pod (wide)': 'postgres-0', 'Message (wide)': message });
  });

  it('leaves blank what is not known yet', async () => {
    const { Name, Age, ...unknown } = await rowOf(await created(backup()));
    assert.ok(Name !== null && Age !== null);
    assert.deepEqual([...new Set(Object.values(unknown))], [null]);
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
    const listed = (make: Make, name: string): Manifest =>
      withField(withField(make(), 'spec.selector.name', 'listed'), 'metadata.name', name);
    for (const [name, status] of Object.entries(backups)) await withStatus(listed(backup, name), status);
    await created(withField(backup(), 'spec.selector.name', 'elsewhere'));
    await created(listed(manager, 'listed'));
  });

  for (const [name, kind, conditions, wanted] of [
    ['the backups of a StatefulSet', 'pgbackups', '', ['done', 'failed', 'new', 'running', 'unannounced']],
    [
      'unfinished or unannounced ones, those without status too',
      'pgbackups',
      ',status.announced!=success,status.announced!=error',
      ['new', 'running', 'unannounced'],
    ],
    ['unfinished ones', 'pgbackups', ',status.state!=success,status.state!=error', ['new', 'running']],
    ['successes of a StatefulSet', 'pgbackups', ',status.state=success', ['done', 'unannounced']],
    ['the managers of a StatefulSet', 'pgmanagers', '', ['listed']],
  ] as const) {
    it(name, async () => {
      const selector = encodeURIComponent(`spec.selector.name=listed${conditions}`);
      const { items } = await get<{ items: Manifest[] }>(`/apis/aidbox.pg/v01/${kind}?fieldSelector=${selector}`);
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
  for (const { plural, schema } of [pgManager, pgBackup]) {
    it(`${plural} describes every field, because kubectl explain is documentation`, () => {
      assert.deepEqual(undescribed(schema, ''), []);
    });

    it(`${plural} is served and structural`, async () => {
      const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${plural}.aidbox.pg`;
      const { status } = await get<{ status: { conditions: { type: string; status: string }[] } }>(path);
      const states = Object.fromEntries(status.conditions.map((condition) => [condition.type, condition.status]));
      assert.deepEqual(states, { Established: 'True', NamesAccepted: 'True' });
    });
  }

  it('pin the place of a run alike for backup and rotation', () => {
    const ofBackup = fieldAt(pgBackup, 'status.executor');
    assert.ok(ofBackup.properties?.['pod']);
    assert.deepEqual(fieldAt(pgManager, 'status.conditions.rotation.running.executor').properties, ofBackup.properties);
  });

  it('have short names', async () => {
    const { resources } = await get<{ resources: { name: string; shortNames?: string[] }[] }>('/apis/aidbox.pg/v01');
    const names = Object.fromEntries(resources.map((resource) => [resource.name, resource.shortNames]));
    assert.deepEqual([names['pgmanagers'], names['pgbackups']], [['pgm'], ['pgb']]);
  });
});

/** Paths of the fields without a description; `metadata` is described by Kubernetes. */
function undescribed(schema: Schema, at: string): string[] {
  return Object.entries({ ...schema.properties, ...schema.items?.properties }).flatMap(([name, field]) => {
    if (at === '' && name === 'metadata') return [];
    const missing = (field.description ?? '') === '' ? [`${at}.${name}`] : [];
    return [...missing, ...undescribed(field, `${at}.${name}`)];
  });
}

/** Returns a value with every field of a schema, and where it is open one that no release has. */
function everyField(schema: Schema): unknown {
  if (schema.items !== undefined) return [everyField(schema.items)];
  if (schema.type !== 'object') return scalar(schema);
  const fields = Object.entries(schema.properties ?? {}).map(([name, field]) => [name, everyField(field)]);
  const later = schema['x-kubernetes-preserve-unknown-fields'] === true ? { future: { kept: true } } : {};
  return { ...Object.fromEntries(fields), ...later };
}

function scalar({ type, format, maximum, ...schema }: Schema): unknown {
  if (schema.enum !== undefined) return schema.enum[0];
  if (type === 'boolean') return true;
  if (type === 'integer') return maximum ?? (format === 'int64' ? Number.MAX_SAFE_INTEGER : 2 ** 31 - 1);
  return format === 'date-time' ? '2022-01-02T06:00:14Z' : 'a "text"\n\n  INFO: y';
}

function manager(): Manifest {
  return {
    apiVersion: 'aidbox.pg/v01',
    kind: 'PgManager',
    metadata: { name: `manager-${(counter += 1)}` },
    spec: { selector: { name: 'postgres' }, backup: { numberToRetain: 30, at: '06:00:00' } },
  };
}

function backup(): Manifest {
  return {
    apiVersion: 'aidbox.pg/v01',
    kind: 'PgBackup',
    metadata: { name: `backup-${(counter += 1)}` },
    spec: { selector: { name: 'postgres' } },
  };
}

/** Returns the object with a field changed: `undefined` takes it away, and an object changes only what it names. */
function withField<T extends Fields>(object: T, path: string, value: unknown): T {
  const [name = '', ...rest] = path.split('.');
  const old = (object[name] ?? {}) as Fields;
  if (rest.length > 0) return { ...object, [name]: withField(old, rest.join('.'), value) };
  const isWhole = typeof value !== 'object' || value === null || Array.isArray(value);
  return { ...object, [name]: isWhole ? value : { ...old, ...value } };
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

/** Creates an object with this status and returns its path. */
async function withStatus(object: Manifest, status: unknown): Promise<string> {
  const path = await created(object);
  await accepted(mergePatch(`${path}/status`, { status }));
  return path;
}

async function get<T = Manifest>(path: string): Promise<T> {
  return (await accepted(server.api.send({ method: 'GET', path }))).body as T;
}

function patch(path: string, type: string, body: object): Promise<ApiAnswer> {
  return server.api.send({ method: 'PATCH', path, body, headers: { 'Content-Type': `application/${type}` } });
}

function mergePatch(path: string, body: object): Promise<ApiAnswer> {
  return patch(path, 'merge-patch+json', body);
}

/** Server-side apply of status as the functions do it: no force. */
function apply(path: string, fieldManager: string, object: { metadata?: object; status: object }): Promise<ApiAnswer> {
  const [plural, name] = path.split('/').slice(-2);
  return patch(`${path}/status?fieldManager=${fieldManager}`, 'apply-patch+yaml', {
    apiVersion: 'aidbox.pg/v01',
    kind: plural === 'pgmanagers' ? 'PgManager' : 'PgBackup',
    metadata: { name, namespace: 'default', ...object.metadata },
    status: object.status,
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

function fieldsAtFault(answer: ApiAnswer): string[] {
  return [...new Set(causes(answer).map((cause) => cause.field))];
}

/** Refused because of `field` and nothing else, in these words. An unknown field comes without a cause. */
function assertRefused(answer: ApiAnswer, field: string, says: string): void {
  assert.ok(answer.status === 422 || answer.status === 400, text(answer));
  if (says.startsWith('unknown field')) return assert.ok(String(answer.body['message']).includes(says), text(answer));
  assert.deepEqual(fieldsAtFault(answer), [field], text(answer));
  assert.ok(
    causes(answer).some((cause) => cause.message.endsWith(says)),
    `wanted: ${says}\n${text(answer)}`,
  );
}

/** Returns what kubectl prints from: the cells of the one row by the names of their columns. */
async function rowOf(path: string): Promise<Fields> {
  const headers = { Accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' };
  const { columnDefinitions, rows } = (await accepted(server.api.send({ method: 'GET', path, headers })))
    .body as unknown as { columnDefinitions: { name: string; priority: number }[]; rows: { cells: unknown[] }[] };
  const names = columnDefinitions.map(({ name, priority }) => (priority === 0 ? name : `${name} (wide)`));
  return Object.fromEntries(names.map((name, at) => [name, rows[0]?.cells[at]]));
}

function text(answer: ApiAnswer): string {
  return `${answer.status} ${JSON.stringify(answer.body['message'] ?? answer.body)}`;
}
