/** Every command that README.md and docs/ show is run: in the order in which a reader would, on real parts. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { parse } from 'yaml';
import { backupNowCommand } from '../../functions/backup/run.ts';
import { PgManager } from '../../functions/domain/resources/pg-manager.ts';
import { buildDatabase, buildManager, demoData, demoNamespace } from '../../local/demo/objects.ts';
import { blocksOf, documentBlock, documentPages } from '../support/documents.ts';
import { eventually } from '../support/eventually.ts';
import { openLocalCluster, type LocalCluster } from '../support/local-cluster.ts';

/**
 * Blocks that another test runs: `npm start` is run by start.test.ts, `npm test` is this very run, the restores compare
 * rows in stories/main-job.ts, an installation and its end have stories/installation.ts and stories/namespaced.ts.
 */
const runElsewhere = [
  'start',
  'develop',
  'install-check',
  'install',
  'restore-newest',
  'restore-by-name',
  'restore-to-time',
  'install-namespaced',
  'uninstall',
  'uninstall-namespaced',
];

const ran = new Set<string>();

let cluster: LocalCluster;

before(async () => {
  cluster = await openLocalCluster('documents');
  await cluster.database();
});

after(() => cluster?.close());

/** Runs a block of the documents as it stands. */
function run(name: string, more?: string): Promise<string> {
  ran.add(name);
  return cluster.follow(name, more);
}

test('the PgManager of the first screen is accepted as it stands', async () => {
  await cluster.apply(parse(documentBlock('first-screen')) as object);
  const manager = await cluster.pgm();
  assert.equal(manager.spec.backup.at, '06:00:00');
  assert.ok(PgManager.safeParse(manager).success);
});

test('prepare: the check of the database', async () => {
  const printed = await run('prepare-check');
  assert.match(printed, /wal-g version/);
});

test('use: run one now, and wait for it', async () => {
  assert.match(await run('run-now'), /pgbackup\.aidbox\.pg\/manual-1 created/);
  assert.match(await run('wait'), /condition met/);
});

test("restore: names of PgBackups' stored backups", async () => {
  const stored = (await cluster.finished('manual-1')).status.backup?.name;
  assert.equal((await run('backup-name', 'echo "$BACKUP"')).trim(), stored);
  assert.equal((await run('newest-name', 'echo "$BACKUP"')).trim(), stored);
  assert.match(await run('finished'), new RegExp(`^success +\\d{4}-\\d\\d-\\d\\dT[\\d:]+Z +${stored}$`, 'm'));
});

test('use: one more with a generated name, as messages print it', async () => {
  assert.equal(documentBlock('run-now-generated').trim(), backupNowCommand('shop', 'postgres'));
  const [, name = ''] = /pgbackup\.aidbox\.pg\/(manual-\w+) created/.exec(await run('run-now-generated')) ?? [];
  assert.equal((await cluster.finished(name)).status.state, 'success');
});

test('errors: what to read first, and the rights of a function', async () => {
  assert.match(await run('troubleshoot'), /pgmanager\.aidbox\.pg\/pg-manager[\s\S]*Conditions:/);
  assert.equal(await run('check-rights'), 'yes\n');
});

test('errors: logs in the pod', async () => {
  assert.match(await run('logs'), /manual-1\.log[\s\S]*Wrote backup with name/);
});

test('use: suspend and resume, dry run, adopt', async () => {
  await run('suspend');
  await run('dry-run');
  assert.equal((await cluster.pgm()).spec.rotation.mode, 'DryRun');
  await run('adopt');
  const { spec } = await cluster.pgm();
  assert.deepEqual(spec.rotation, { mode: 'Enforce', adopt: true, adoptFrom: [] });
  assert.equal(spec.backup.suspend, false);
});

test('events: the example that prints them is accepted', async () => {
  assert.match(await run('event-log'), /trigger\.eventing\.knative\.dev\/event-log created/);
});

test("tutorial: look at the demo's objects, back up, and restore every row", async () => {
  const { environment } = cluster;
  await cluster.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: demoNamespace } });
  await cluster.apply(buildDatabase(environment.storageDir));
  const database = await eventually('database of the demo', async () => {
    const found = environment.databases().find(({ namespace }) => namespace === demoNamespace);
    await found?.sql('select 1');
    return found;
  });
  await database.sql(demoData);
  await cluster.apply(buildManager('06:00:00'));
  assert.match(await run('tutorial-look'), /pgmanager\.aidbox\.pg\/pg-manager/);
  assert.match(await run('tutorial-backup'), /condition met\n[\s\S]*\nmanual-\w+ +success/);
  await eventually('the newest success in the conditions', async () => {
    const path = 'jsonpath={.status.conditions.backup.lastSuccess.name}';
    const name = await cluster.kubectl('get', 'pgm', '-n', demoNamespace, 'pg-manager', '-o', path);
    return name === '' ? undefined : name;
  });
  assert.match(await run('tutorial-restore'), /count = "60000"/);
});

test('no block was left out', () => {
  const blocks = documentPages().flatMap((page) => blocksOf(page));
  const marked = blocks.filter(({ language }) => language === 'sh').map(({ name = '(no name)' }) => name);
  assert.deepEqual([...ran, ...runElsewhere].sort(), marked.sort());
});
