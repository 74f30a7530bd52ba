/** The main job: a slot, wal-g in the pod, readable history, rotation, storage, restores, and back to zero. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { PgBackup } from '../../../functions/domain/resources/pg-backup.ts';
import type { TestDatabase } from '../../support/database.ts';
import { assertBackupReads, assertManagerReads } from '../../support/describe.ts';
import { timeOfDay } from '../../support/objects.ts';
import { kubernetesEvent, type SeenEvent } from '../../support/outside.ts';
import type { OpenCluster, TestCluster } from '../../support/test-cluster.ts';
import { assertSucceeds, takeBackup, untilAllIsWell, untilAtZero, untilRotated } from './backups.ts';

const everyRow = "select count(*), md5(string_agg(n || code, ',' order by n)) from orders";

/** Registers the story. */
export function mainJob(open: OpenCluster): void {
  describe('the examples of the README', () => {
    let cluster: TestCluster;
    let database: TestDatabase;
    let announced: () => Promise<readonly SeenEvent[]>;
    let slotBackup = '';
    /** What every row was when a backup began. */
    const rows = new Map<string, string[]>();
    /** All four, oldest first. */
    const backups: PgBackup[] = [];

    before(async () => {
      cluster = await open('shop');
      announced = await cluster.subscribe();
      database = await cluster.database();
      await database.sql('create table orders as select n, md5(n::text) as code from generate_series(1, 5000) n');
    });
    after(() => (cluster as TestCluster | undefined)?.close());

    test('a slot makes a PgBackup of its name, and wal-g runs in the pod', async () => {
      const at = timeOfDay(cluster.slotIn);
      const slot = Date.now() + cluster.slotIn * 1000;
      await cluster.manager({ at, keep: 2 });
      const [first] = await cluster.eventually('PgBackup of the slot', async () => {
        const found = await cluster.pgbs();
        return found.length > 0 ? found : undefined;
      });
      slotBackup = first?.metadata.name ?? '';
      assert.match(slotBackup, new RegExp(`^pg-manager-backup-at-\\d{4}-\\d\\d-\\d\\dt${at.replaceAll(':', '-')}z$`));
      const late = Date.parse(first?.metadata.creationTimestamp ?? '') - Math.floor(slot / 1000) * 1000;
      assert.ok(late >= 0 && late <= 15_000, `created ${late} ms after its slot`);
      const backup = await assertSucceeds(cluster, slotBackup);
      assert.deepEqual(await database.stored(), [backup.status.backup?.name]);
      assert.match(await database.sh(`cat /PgBackup/${slotBackup}.log`), /Wrote backup with name base_/);
      await untilRotated(cluster, backup);
    });

    test('both objects read as promised', async () => {
      await untilAllIsWell(cluster);
      assertManagerReads(await cluster.kubectl('describe', 'pgmanager', '-n', 'shop', 'pg-manager'), slotBackup);
      assertBackupReads(await cluster.kubectl('describe', 'pgbackup', '-n', 'shop', slotBackup));
    });

    test('finishTime is the moment in which wal-g ended, by the clock of its own log', async () => {
      const { status } = await cluster.finished(slotBackup);
      const lastLine = status.message?.trimEnd().split('\n').at(-1) ?? '';
      const [, date, time] = /INFO: (\S+) (\d\d:\d\d:\d\d)/.exec(lastLine) ?? [];
      const logged = Date.parse(`${date?.replaceAll('/', '-')}T${time}Z`);
      const finished = Date.parse(status.finishTime ?? '');
      assert.ok(finished >= logged && finished - logged <= 2000, `${status.finishTime} for ${lastLine}`);
    });

    test('of four backups the newest two are kept, with their logs and files', async () => {
      const [slot] = await cluster.pgbs();
      if (slot !== undefined) backups.push(slot);
      for (const name of ['second', 'third', 'fourth']) {
        await database.sql(`insert into orders select n, '${name}' from generate_series(1, 1000) n`);
        rows.set(name, await database.sql(everyRow));
        const backup = await takeBackup(cluster, name);
        await untilRotated(cluster, backup);
        backups.push(backup);
      }
      const kept = backups.slice(2);
      assert.deepEqual(await cluster.backupNames(), ['fourth', 'third']);
      assert.deepEqual(await database.stored(), kept.map(storedName));
      const logs = (await database.filesIn('/PgBackup')).filter((name) => name.endsWith('.log')).sort();
      assert.deepEqual(logs, ['fourth.log', 'third.log']);
      const runs = await database.filesIn('/PgBackup/.run');
      assert.deepEqual(backups.filter(({ metadata }) => runs.includes(metadata.uid)).map(nameOf), kept.map(nameOf));
    });

    test('WAL that no backup needs is gone, too', async () => {
      const [oldest = '', newest = ''] = backups.slice(2).map((backup) => storedName(backup).slice('base_'.length));
      const wal = (await database.filesIn('"$WALG_FILE_PREFIX/wal_005"')).map((name) => name.slice(0, 24));
      assert.ok(wal.includes(oldest) && wal.includes(newest), wal.join(' '));
      assert.deepEqual(
        wal.filter((segment) => segment < oldest),
        [],
      );
    });

    test('the manager, an Event and events say what was deleted', async () => {
      const deleted = backups.slice(0, 2).map(storedName);
      const { metadata, status } = await cluster.pgm();
      const { backup, rotation } = status.conditions;
      assert.match(rotation?.message ?? '', new RegExp(`^2 stored, 1 deleted \\(${deleted[1]}\\); oldest `));
      assert.equal((await kubernetesEvent(cluster, metadata.uid, 'RotationSucceeded')).type, 'Normal');
      const events = (await announced()).filter(({ type }) => type === 'pg.aidbox.rotation.succeeded.v1');
      const names = events.flatMap(({ data }) => (data as { deleted: string[] }).deleted);
      assert.deepEqual([...new Set(names)], deleted);
      assert.deepEqual(
        backup?.log?.map(({ name }) => name),
        ['fourth', 'third'],
        'newest first',
      );
    });

    test('the newest state is restored with every row', async () => {
      await database.sql("insert into orders values (0, 'after the last backup')");
      await untilArchived(cluster, database);
      const want = await database.sql(everyRow);
      const restore = { block: 'restore-newest', variables: { BACKUP: await cluster.newest() } };
      assert.deepEqual(await cluster.restored(restore, everyRow), want);
    });

    for (const name of ['third', 'fourth']) {
      test(`the ${name} backup is restored by its name with the rows of its time`, async () => {
        const { status } = await cluster.finished(name);
        const restore = { block: 'restore-by-name', variables: { BACKUP: status.backup?.name ?? '' } };
        assert.deepEqual(await cluster.restored(restore, everyRow), rows.get(name));
      });
    }

    test('restored to a moment between two inserts, only the first is there', async () => {
      const { status } = await cluster.finished('fourth');
      await database.sql('create table moments (n int)');
      await database.sql('insert into moments values (1)');
      const [moment = ''] = await database.sql('select clock_timestamp()::text');
      await database.sql('insert into moments values (2)');
      await untilArchived(cluster, database);
      const variables = { BACKUP: status.backup?.name ?? '', TARGET_TIME: moment };
      const restore = { block: 'restore-to-time', variables };
      assert.deepEqual(await cluster.restored(restore, 'select n from moments'), ['1']);
    });

    test('afterwards all functions are back at zero', async () => {
      await untilAtZero(cluster);
    });
  });
}

function nameOf({ metadata }: PgBackup): string {
  return metadata.name;
}

function storedName({ status }: PgBackup): string {
  return status.backup?.name ?? '';
}

async function untilArchived(cluster: TestCluster, database: TestDatabase): Promise<void> {
  const [file = ''] = await database.sql('select pg_walfile_name(pg_switch_wal())');
  await cluster.eventually('archived WAL', async () => {
    const [done] = await database.sql(`select last_archived_wal >= '${file}' from pg_stat_archiver`);
    return done === 't';
  });
}
