/** Catalogue and probe with what wal-g 3.0.8 prints (recorded), and with a wal-g that hangs. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { CatalogueAnswer, ProbeAnswer } from '../../functions/domain/run/protocol.ts';
import { createPod, type Pod, shells, target, underEach } from './pod.ts';
import { catalogueWith, log, probeWith, replay } from './replay.ts';

const version = 'wal-g version v3.0.8\tf81943e6\t2026.01.20_10:00:00\tPostgreSQL';
const storageUsage = `(DANGEROUS) Storage tools allows to interact with the configured storage.

Available Commands:
  cat         Cat the specified storage object to STDOUT
  check       Check access to the storage
  ls          Prints objects in the provided storage folder`;
const entry = `{"backup_name":"base_000000010000000000000006","time":"2026-11-23T07:05:34Z","wal_file_name":"000000010000000000000006","storage_name":"default","start_lsn":100663336,"system_identifier":7711259327716174705,"user_data":{"run":"u"}}`;
const plainEntry = `{"backup_name":"base_000000010000000000000006","time":"2026-11-23T07:05:34Z","wal_file_name":"000000010000000000000006","storage_name":"default"}`;
const timeline = `[{"id":1,"parent_id":0,"start_segment":"000000010000000000000004","end_segment":"000000010000000000000007","missing_segments":[],"status":"OK"}]`;
const missing = log(
  `ERROR: 2026/11/23 07:00:00.1 failed to init folder for storage "default": FS storage root directory doesn't exist or is inaccessible`,
);

/** A wal-g 3.0.8 that answers so. */
function walg(answers: Readonly<Record<string, string>>): string {
  return replay({ '--version*': `echo '${version}'`, 'st --help*': `echo '${storageUsage}'`, ...answers });
}

underEach('wal-g 3.0.8', shells, (shell) => {
  let pod: Pod;
  before(async () => {
    pod = await createPod({ shell });
    mkdirSync(join(pod.pgdata, 'pg_wal/archive_status'), { recursive: true });
    for (const name of [
      '000000010000000000000007.ready',
      '000000010000000000000006.done',
      '00000002.history.ready',
      '000000010000000000000008.ready',
    ]) {
      writeFileSync(join(pod.pgdata, 'pg_wal/archive_status', name), '');
    }
  });
  after(() => pod.remove());

  const catalogue = (answers: Readonly<Record<string, string>>): Promise<CatalogueAnswer> =>
    catalogueWith(pod, walg(answers));

  const probe = (answers: Readonly<Record<string, string>>): Promise<ProbeAnswer> => probeWith(pod, walg(answers));

  test('catalogue: entries and WAL as they are printed, segments that wait', async () => {
    const answer = await catalogue({
      'backup-list --detail --json': `${log('INFO: List backups from storages: [default]')}\necho '[${entry}]'`,
      'wal-show --detailed-json --without-backups': `echo '${timeline}'`,
    });
    assert.deepEqual(answer, {
      podTime: answer.podTime,
      systemIdentifier: '7711259327716174705',
      backups: `[${entry}]`,
      plain: false,
      wal: timeline,
      ready: ['000000010000000000000007', '000000010000000000000008'],
      readyTotal: 2,
      oldestReady: '000000010000000000000007',
      walgVersion: 'v3.0.8 f81943e6 2026.01.20_10:00:00 PostgreSQL',
    });
  });

  test('catalogue: empty', async () => {
    const answer = await catalogue({ 'backup-list*': `echo '[]'`, 'wal-show*': `echo '[]'` });
    assert.deepEqual([answer.backups, answer.wal, answer.plain, answer.error], ['[]', '[]', false, undefined]);
  });

  test('H27 catalogue: details of one entry unreadable, so names only', async () => {
    const error = `ERROR: object 'base_000000010000000000000004/metadata.json' not found in storage`;
    const answer = await catalogue({
      'backup-list --detail*': `echo "${error}" >&2; exit 1`,
      'backup-list --json': `echo '[${plainEntry}]'`,
      'wal-show*': `echo '${timeline}'`,
    });
    assert.deepEqual([answer.backups, answer.plain, answer.error], [`[${plainEntry}]`, true, error]);
  });

  test('catalogue: unknown subcommands print usage with exit 0, which is no list', async () => {
    const answer = await catalogue({ '*': `printf 'Usage:\\nend=1\\nwal_code=0\\n'` });
    assert.deepEqual([answer.backups, answer.wal], [undefined, undefined]);
  });

  test('catalogue: 5 000 entries arrive whole', async () => {
    const list = `printf '[${entry}'; i=1; while [ $i -lt 5000 ]; do printf ',${entry}'; i=$((i + 1)); done; echo ']'`;
    const answer = await catalogue({ 'backup-list*': list, 'wal-show*': `echo '[]'` });
    assert.equal((JSON.parse(answer.backups ?? '') as unknown[]).length, 5_000);
  });

  test('probe: OK only with the words', async () => {
    const answers = {
      'st check read': log('INFO: 2026/11/23 07:00:00.1 Read check OK'),
      'st check write': log('INFO: 2026/11/23 07:00:00.1 Write check OK'),
    };
    const good = await probe(answers);
    assert.deepEqual(
      [good.read, good.write],
      [
        { outcome: 'ok', detail: '' },
        { outcome: 'ok', detail: '' },
      ],
    );
    assert.equal(good.walgVersion, 'v3.0.8 f81943e6 2026.01.20_10:00:00 PostgreSQL');
    const usage = await probe({ ...answers, 'st check write': `echo '${storageUsage}'` });
    assert.deepEqual([usage.read.outcome, usage.write.outcome], ['ok', 'failed']);
  });

  test('probe: storage gone, storage full', async () => {
    const gone = await probe({ 'st check*': `${missing}; exit 1` });
    assert.deepEqual([gone.read.outcome, gone.write.outcome], ['failed', 'skipped']);
    assert.match(gone.read.detail, /^ERROR: .* failed to init folder/);
    const full = await probe({
      'st check read': log('INFO: Read check OK'),
      'st check write': `${log('ERROR: failed to write to the storage: no space left on device')}; exit 1`,
    });
    assert.deepEqual(full.write, {
      outcome: 'failed',
      detail: 'ERROR: failed to write to the storage: no space left on device',
    });
  });
});

describe('a storage that hangs', () => {
  let pod: Pod;
  before(async () => (pod = await createPod({ shell: 'dash' })));
  after(() => pod.remove());

  test('H49 the probe is over in the pod after 15 s, both checks together, and leaves nothing behind', async () => {
    const made = await pod.exec(target, ['mkfifo', join(pod.root, 'hang')], { timeoutMs: 5_000 });
    assert.equal(made.kind, 'done');
    pod.fakeWalg(walg({ 'st check*': `trap '' TERM; read -r _ <"$PGHOST/hang"` }));
    const begin = performance.now();
    const answer = await pod.runner.probe(target);
    const seconds = (performance.now() - begin) / 1000;
    assert.ok(answer.ok && seconds >= 14 && seconds < 19, `${seconds} ${JSON.stringify(answer)}`);
    assert.deepEqual([answer.value.read.outcome, answer.value.write.outcome], ['timeout', 'skipped']);
  });
});
