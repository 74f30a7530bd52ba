/** The main job on real parts: a slot comes, wal-g runs, history is readable, and what is stored can be restored. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Database } from '../../local/kubernetes/kubelet/databases.ts';
import { assertBackupReads, assertManagerReads } from '../support/describe.ts';
import { withRestored } from '../support/restored.ts';
import { eventually } from '../support/eventually.ts';
import { openShop, timeOfDay, type Shop } from '../support/shop.ts';

let shop: Shop;
let database: Database;
let slotBackup: string;

before(async () => {
  shop = await openShop('seed');
  database = await shop.database();
  await database.sql('create table orders as select n, md5(n::text) as code from generate_series(1, 5000) n');
});

after(() => shop.close());

test('a PgManager gets its backup at the slot, under the name of the slot', async () => {
  const at = timeOfDay(4);
  await shop.manager({ at, keep: 2 });
  const backups = await eventually('PgBackup of the slot', async () => {
    const found = await shop.pgbs();
    return found.length > 0 ? found : undefined;
  });
  slotBackup = backups[0]!.metadata.name;
  assert.match(slotBackup, new RegExp(`^pg-manager-backup-at-\\d{4}-\\d\\d-\\d\\dt${at.replaceAll(':', '-')}z$`));
  const backup = await shop.finished(slotBackup);
  assert.equal(backup.status.state, 'success', backup.status.message);
  assert.deepEqual(await shop.stored(database), [backup.status.backup?.name]);
});

test('rotation and storage follow by themselves', async () => {
  await eventually('rotation and storage', async () => {
    const { rotation, storage } = (await shop.pgm()).status.conditions;
    return rotation?.status === 'ok' && storage?.status === 'ok' ? true : undefined;
  });
});

test('kubectl describe pgmanager reads as promised', async () => {
  const text = await shop.kubectl('describe', 'pgmanager', '-n', shop.namespace, 'pg-manager');
  assertManagerReads(text, slotBackup);
});

test('kubectl describe pgbackup shows times, state and the log of wal-g', async () => {
  const text = await shop.kubectl('describe', 'pgbackup', '-n', shop.namespace, slotBackup);
  assertBackupReads(text);
});

test('finishTime is the moment in which wal-g ended, by the clock of its own log', async () => {
  const backup = await shop.finished(slotBackup);
  const lastLine = backup.status.message?.trimEnd().split('\n').at(-1) ?? '';
  const [, date, time] = /INFO: (\S+) (\d\d:\d\d:\d\d)/.exec(lastLine) ?? [];
  const logged = Date.parse(`${date?.replaceAll('/', '-')}T${time}Z`);
  const finished = Date.parse(backup.status.finishTime ?? '');
  assert.ok(finished >= logged && finished - logged <= 2000, `${backup.status.finishTime} for ${lastLine}`);
});

test('the whole log is in the pod, where the message of a failure would point to', async () => {
  const text = await shop.kubectl(
    'exec',
    '-n',
    shop.namespace,
    'postgres-0',
    '-c',
    'postgres',
    '--',
    'cat',
    `/PgBackup/${slotBackup}.log`,
  );
  assert.match(text, /Wrote backup with name base_/);
});

test("restored with the README's commands, every row is the same", async () => {
  const ask = "select count(*) as rows, md5(string_agg(n || code, ',' order by n)) as sum from orders";
  const want = await database.sql(ask);
  assert.equal(want[0]?.['rows'], '5000');
  const restore = { block: 'restore-newest', variables: { BACKUP: await shop.newest() } };
  const rows = await withRestored(shop, database, restore, (sql) => sql(ask));
  assert.deepEqual(rows, want);
});

test('restored to a point in time between two inserts, only the first is there', async () => {
  const backup = await shop.finished(slotBackup);
  await database.sql('create table moments (n int)');
  await database.sql('insert into moments values (1)');
  const [between] = await database.sql('select clock_timestamp()::text as at');
  await database.sql('insert into moments values (2)');
  const [wal] = await database.sql('select pg_walfile_name(pg_switch_wal()) as file');
  await eventually('archived WAL', async () => {
    const [row] = await database.sql(`select last_archived_wal >= '${wal?.['file']}' as done from pg_stat_archiver`);
    return row?.['done'] === 't' ? true : undefined;
  });
  const variables = { BACKUP: backup.status.backup?.name ?? '', TARGET_TIME: between?.['at'] ?? '' };
  const rows = await withRestored(shop, database, { block: 'restore-to-time', variables }, (sql) =>
    sql('select n from moments order by n'),
  );
  assert.deepEqual(rows, [{ n: '1' }]);
});

test("a person's PgBackup runs too", async () => {
  await shop.backup('by-hand');
  const backup = await shop.finished('by-hand');
  assert.equal(backup.status.state, 'success', backup.status.message);
  const { log } = (await shop.pgm()).status.conditions.backup ?? {};
  assert.deepEqual(
    log?.map(({ name }) => name),
    ['by-hand', slotBackup],
    'newest first',
  );
});

test('afterwards all functions are back at zero', async () => {
  await eventually(
    'functions at zero',
    () => (shop.environment.functions().every(({ state }) => state === 'zero') ? true : undefined),
    90,
  );
});
