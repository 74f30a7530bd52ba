/** Catalogue and probe with what wal-g 1.1 prints (recorded): it has no `st check`, and an empty list prints nothing. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { CatalogueAnswer, ProbeAnswer } from '../../functions/domain/run/protocol.ts';
import { createPod, give, type Pod, shells, underEach } from './pod.ts';
import { catalogueWith, log, probeWith, replay } from './replay.ts';

const storageUsage = `Storage tools allows to interact with the configured storage.

Usage:
wal-g st [command]

Available Commands:
cat         Cat the specified storage object to STDOUT
get         Download the specified storage object
ls          Prints objects in the provided storage folder
put         Upload the specified file to the storage
rm          Delete the specified storage object`;
const entry = `{"backup_name":"base_000000010000000000000006","time":"2026-11-23T07:05:34Z","wal_file_name":"000000010000000000000006","start_lsn":100663336,"system_identifier":7711259327716174705,"user_data":{"run":"u"}}`;
const error = (text: string): string => `${log(`ERROR: 2026/11/28 00:48:13.020321 ${text}`)}; exit 1`;
const missing = error('FS error : Folder not exists or is inaccessible: stat /nowhere: no such file or directory');

/** Storage tools that keep their objects in a directory of the pod; `put` names them by the compression. */
const storage = {
  'st ls': `echo 'type size last modified                           name'
    for object in "$PGHOST"/objects/*; do
      [ ! -e "$object" ] || echo "obj  22   2026-11-28 00:48:12.366932549 +0000 UTC \${object##*/}"
    done`,
  'st put *': 'cat "$3" >"$PGHOST/objects/$4.lz4"',
  'st rm *': `[ ! -e "$PGHOST/objects/$3" ] || exec rm "$PGHOST/objects/$3"\n${error('Object does not exist')}`,
};

/** A wal-g 1.1 that answers so; to every unknown command of `st` it prints the usage. */
function walg(answers: Readonly<Record<string, string>>): string {
  return replay({
    '--version*': `printf 'wal-g version devel\\tdevel\\tdevel\\tPostgreSQL\\n'`,
    ...answers,
    'st *': `echo "${storageUsage}"`,
  });
}

underEach('wal-g 1.1', shells, (shell) => {
  let pod: Pod;
  const objects = (): string => join(pod.root, 'objects');
  before(async () => {
    pod = await createPod({ shell });
    mkdirSync(objects());
    give(objects());
  });
  after(() => pod.remove());

  const catalogue = (answers: Readonly<Record<string, string>>): Promise<CatalogueAnswer> =>
    catalogueWith(pod, walg(answers));

  const probe = (answers: Readonly<Record<string, string>>): Promise<ProbeAnswer> => probeWith(pod, walg(answers));

  test('catalogue: a list without a newline at its end', async () => {
    const answer = await catalogue({
      'backup-list --detail --json': `printf %s '[${entry}]'`,
      'wal-show --detailed-json --without-backups': `printf '[]'`,
    });
    assert.deepEqual(
      [answer.backups, answer.wal, answer.plain, answer.error, answer.walgVersion],
      [`[${entry}]`, '[]', false, undefined, 'devel devel devel PostgreSQL'],
    );
  });

  test('catalogue: nothing printed and exit 0 is an empty list', async () => {
    const answer = await catalogue({
      'backup-list*': log('INFO: 2026/11/28 00:48:12.872721 No backups found'),
      'wal-show*': `printf '[]'`,
    });
    assert.deepEqual([answer.backups, answer.wal, answer.plain, answer.error], ['[]', '[]', false, undefined]);
  });

  test('catalogue: a storage that is gone is unknown, with the reason', async () => {
    const answer = await catalogue({ 'backup-list*': missing, 'wal-show*': missing });
    assert.deepEqual([answer.backups, answer.wal], [undefined, undefined]);
    assert.match(answer.error ?? '', /^ERROR: .* Folder not exists or is inaccessible/);
  });

  test('probe: lists, writes and removes an object, because the exit code of `st check` proves nothing', async () => {
    const { read, write, walgVersion } = await probe(storage);
    const ok = { outcome: 'ok', detail: '' };
    assert.deepEqual([read, write, walgVersion], [ok, ok, 'devel devel devel PostgreSQL']);
    assert.deepEqual(readdirSync(objects()), []);
  });

  test('probe: removes what an interrupted probe left, but neither fresh objects nor those of others', async () => {
    const own = `aidboxops-probe-${readFileSync('/proc/sys/kernel/hostname', 'utf8').trim()}-`;
    const now = Math.floor(Date.now() / 1000);
    const [old, fresh] = [`${own}7-${now - 120}.lz4`, `${own}8-${now}.lz4`];
    const others = ['basebackups_005.lz4', `aidboxops-probe-another-7-${now - 120}.lz4`];
    for (const name of [old, fresh, ...others]) {
      writeFileSync(join(objects(), name), '');
      give(join(objects(), name));
    }
    assert.equal((await probe(storage)).write.outcome, 'ok');
    assert.deepEqual(readdirSync(objects()).sort(), [fresh, ...others].sort());
  });

  test('probe: an object that cannot be written or removed is a failed write, with the reason', async () => {
    for (const call of ['st put *', 'st rm *']) {
      const { read, write } = await probe({ ...storage, [call]: error('open probe: permission denied') });
      assert.equal(read.outcome, 'ok');
      assert.equal(write.outcome, 'failed');
      assert.match(write.detail, /^ERROR: .* open probe: permission denied$/);
    }
  });

  test('probe: a storage that is gone fails the read, and no write is tried', async () => {
    const { read, write } = await probe({ ...storage, 'st ls': missing });
    assert.equal(read.outcome, 'failed');
    assert.match(read.detail, /^ERROR: .* Folder not exists or is inaccessible/);
    assert.deepEqual(write, { outcome: 'skipped', detail: '' });
  });
});
