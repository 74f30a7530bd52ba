/** The main job: a slot, wal-g in the pod, readable history, rotation, storage, a restore, and back to zero. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { assertBackupReads, assertManagerReads } from '../../support/describe.ts';
import { eventually } from '../../support/eventually.ts';
import { timeOfDay } from '../../support/objects.ts';
import { startDatabase, type Database } from './database.ts';
import { functionNames, watchReplicas, type ReplicaWatch } from './replicas.ts';
import { askRestored } from './restored.ts';
import { kubectl, openNamespace, type Shop } from './target.ts';

const everyRow = "select count(*), md5(string_agg(n || code, ',' order by n)) from orders";

describe('the main job', () => {
  let shop: Shop;
  let database: Database;
  let replicas: ReplicaWatch;
  let slotBackup = '';
  /** What every row was when a backup began. */
  const rows = new Map<string, string[]>();

  before(async () => {
    replicas = watchReplicas();
    shop = await openNamespace('shop');
    database = await startDatabase(shop);
    await database.sql('create table orders as select n, md5(n::text) as code from generate_series(1, 5000) n');
  });
  after(async () => {
    replicas.close();
    await shop.close();
  });

  test('a slot a minute ahead makes a PgBackup of its name, and wal-g runs in the pod', async () => {
    const at = timeOfDay(60);
    const slot = Date.now() + 60_000;
    await shop.manager({ at, keep: 2 });
    rows.set('slot', await database.sql(everyRow));
    const [first] = await eventually(
      'PgBackup of the slot',
      async () => {
        const found = await shop.pgbs();
        return found.length > 0 ? found : undefined;
      },
      120,
    );
    slotBackup = first?.metadata.name ?? '';
    assert.match(slotBackup, new RegExp(`^pg-manager-backup-at-\\d{4}-\\d\\d-\\d\\dt${at.replaceAll(':', '-')}z$`));
    const late = Date.parse(first?.metadata.creationTimestamp ?? '') - Math.floor(slot / 1000) * 1000;
    assert.ok(late >= 0 && late <= 15_000, `created ${late} ms after its slot`);
    const backup = await shop.finished(slotBackup, 120);
    assert.equal(backup.status.state, 'success', backup.status.message);
    assert.deepEqual(await database.stored(), [backup.status.backup?.name]);
    assert.match(await database.sh(`cat /PgBackup/${slotBackup}.log`), /Wrote backup with name base_/);
  });

  test('both objects read as promised', async () => {
    await eventually('rotation and storage', async () => {
      const { rotation, storage } = (await shop.pgm()).status.conditions;
      return rotation?.status === 'ok' && storage?.status === 'ok' ? true : undefined;
    });
    assertManagerReads(await kubectl('describe', 'pgmanager', '-n', 'shop', 'pg-manager'), slotBackup);
    assertBackupReads(await kubectl('describe', 'pgbackup', '-n', 'shop', slotBackup));
  });

  test('of four backups the newest two are kept', async () => {
    for (const name of ['second', 'third', 'fourth']) {
      await database.sql(`insert into orders select n, '${name}' from generate_series(1, 1000) n`);
      rows.set(name, await database.sql(everyRow));
      await shop.backup(name);
      const backup = await shop.finished(name, 120);
      assert.equal(backup.status.state, 'success', backup.status.message);
    }
    const kept = await eventually('two PgBackups', async () => {
      const left = await shop.pgbs();
      return left.length === 2 ? left : undefined;
    });
    assert.deepEqual(kept.map(({ metadata }) => metadata.name).sort(), ['fourth', 'third']);
    assert.deepEqual(await database.stored(), kept.map(({ status }) => status.backup?.name).sort());
  });

  test('the newest state is restored with every row', async () => {
    await database.sql("insert into orders values (0, 'after the last backup')");
    await untilArchived(database);
    const want = await database.sql(everyRow);
    const restore = { block: 'restore-newest', variables: { BACKUP: await shop.newest() } };
    assert.deepEqual(await askRestored(shop, 'postgres', restore, everyRow), want);
  });

  test('the oldest kept backup is restored with the rows of its time', async () => {
    const { status } = await shop.finished('third');
    const restore = { block: 'restore-by-name', variables: { BACKUP: status.backup?.name ?? '' } };
    assert.deepEqual(await askRestored(shop, 'postgres', restore, everyRow), rows.get('third'));
  });

  test('restored to a moment between two inserts, only the first is there', async () => {
    const { status } = await shop.finished('fourth');
    await database.sql('create table moments (n int); insert into moments values (1)');
    const [moment = ''] = await database.sql('select clock_timestamp()::text');
    await database.sql('insert into moments values (2)');
    await untilArchived(database);
    const variables = { BACKUP: status.backup?.name ?? '', TARGET_TIME: moment };
    const restore = { block: 'restore-to-time', variables };
    assert.deepEqual(await askRestored(shop, 'postgres', restore, 'select n from moments'), ['1']);
  });

  test('all four functions went from zero to one and back; nothing of ours stays but the adapter', async () => {
    for (const name of functionNames) {
      await eventually(`${name} at zero`, () => (replicas.of(name).at(-1)?.replicas === 0 ? true : undefined), 120);
      const counts = replicas.of(name).map((change) => change.replicas);
      assert.equal(counts[0], 0, `${name} began at zero: ${counts.join(' ')}`);
      assert.ok(counts.includes(1), `${name} ran: ${counts.join(' ')}`);
    }
    const left = await eventually(
      'the end of all pods of functions',
      async () => {
        const path = '{range .items[*]}{.metadata.labels.eventing\\.knative\\.dev/source}{"\\n"}{end}';
        const pods = await kubectl('get', 'pods', '-n', 'aidboxops', '-o', `jsonpath=${path}`);
        const sources = pods.trim().split('\n');
        return sources.length === 1 ? sources : undefined;
      },
      120,
    );
    assert.deepEqual(left, ['apiserver-source-controller']);
  });
});

async function untilArchived(database: Database): Promise<void> {
  const [file = ''] = await database.sql('select pg_walfile_name(pg_switch_wal())');
  await eventually('archived WAL', async () => {
    const [done] = await database.sql(`select last_archived_wal >= '${file}' from pg_stat_archiver`);
    return done === 't' ? true : undefined;
  });
}
