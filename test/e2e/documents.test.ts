/** Every command that README.md and docs/ show is run: in the order in which a reader would, on real parts. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { backupNowCommand } from '../../functions/backup/run.ts';
import { PgManager } from '../../functions/domain/resources/pg-manager.ts';
import { buildDatabase, buildManager, demoData, demoNamespace } from '../../local/demo/objects.ts';
import { blocksOf, documentBlock, documentPages } from '../support/documents.ts';
import { eventually } from '../support/eventually.ts';
import { openShop, type Shop } from '../support/shop.ts';

const repository = join(import.meta.dirname, '../..');

/**
 * Blocks that another test runs: `npm start` is run by start.test.ts, `npm test` is this very run, the restores compare
 * rows in seed.test.ts and rotation.test.ts, one namespace has namespaced.test.ts.
 */
const runElsewhere = [
  'start',
  'develop',
  'restore-newest',
  'restore-by-name',
  'restore-to-time',
  'install-namespaced',
  'uninstall-namespaced',
];

const ran = new Set<string>();

let shop: Shop;

before(async () => {
  shop = await openShop('documents');
  await shop.database();
});

after(() => shop?.close());

/** Runs a block of the documents as it stands, with kubectl pointed at this environment. */
async function run(name: string, more = ''): Promise<string> {
  ran.add(name);
  const { stdout } = await promisify(execFile)('sh', ['-euc', documentBlock(name) + more], {
    cwd: repository,
    env: {
      ...process.env,
      PATH: `${dirname(shop.environment.kubectlPath)}:${process.env['PATH'] ?? ''}`,
      KUBECONFIG: shop.environment.kubeConfigPath,
    },
  });
  return stdout;
}

test('the PgManager of the first screen is accepted as it stands', async () => {
  await shop.apply(parse(documentBlock('first-screen')) as object);
  const manager = await shop.pgm();
  assert.equal(manager.spec.backup.at, '06:00:00');
  assert.ok(PgManager.safeParse(manager).success);
});

test('install: prerequisites, CRDs, functions', async () => {
  assert.match(await run('install-check'), /services\.serving\.knative\.dev/);
  const printed = await run('install');
  assert.match(printed, /customresourcedefinition\.apiextensions\.k8s\.io\/pgmanagers\.aidbox\.pg condition met/);
  assert.match(printed, /service\.serving\.knative\.dev\/backup condition met/);
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
  const stored = (await shop.finished('manual-1')).status.backup?.name;
  assert.equal((await run('backup-name', 'echo "$BACKUP"')).trim(), stored);
  assert.equal((await run('newest-name', 'echo "$BACKUP"')).trim(), stored);
  assert.match(await run('finished'), new RegExp(`^success +\\d{4}-\\d\\d-\\d\\dT[\\d:]+Z +${stored}$`, 'm'));
});

test('use: one more with a generated name, as messages print it', async () => {
  assert.equal(documentBlock('run-now-generated').trim(), backupNowCommand('shop', 'postgres'));
  const [, name = ''] = /pgbackup\.aidbox\.pg\/(manual-\w+) created/.exec(await run('run-now-generated')) ?? [];
  assert.equal((await shop.finished(name)).status.state, 'success');
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
  assert.equal((await shop.pgm()).spec.rotation.mode, 'DryRun');
  await run('adopt');
  const { spec } = await shop.pgm();
  assert.deepEqual(spec.rotation, { mode: 'Enforce', adopt: true });
  assert.equal(spec.backup.suspend, false);
});

test('events: the example that prints them is accepted', async () => {
  assert.match(await run('event-log'), /trigger\.eventing\.knative\.dev\/event-log created/);
});

test("tutorial: look at the demo's objects, back up, and restore every row", async () => {
  const { environment } = shop;
  await shop.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: demoNamespace } });
  await shop.apply(buildDatabase(environment.storageDir));
  const database = await eventually('database of the demo', async () => {
    const found = environment.databases().find(({ namespace }) => namespace === demoNamespace);
    await found?.sql('select 1');
    return found;
  });
  await database.sql(demoData);
  await shop.apply(buildManager('06:00:00'));
  assert.match(await run('tutorial-look'), /pgmanager\.aidbox\.pg\/pg-manager/);
  assert.match(await run('tutorial-backup'), /condition met\n[\s\S]*\nmanual-\w+ +success/);
  await eventually('the newest success in the conditions', async () => {
    const path = 'jsonpath={.status.conditions.backup.lastSuccess.name}';
    const name = await shop.kubectl('get', 'pgm', '-n', demoNamespace, 'pg-manager', '-o', path);
    return name === '' ? undefined : name;
  });
  assert.match(await run('tutorial-restore'), /count = "60000"/);
});

test('uninstall: what is ours goes, what is yours stays', async () => {
  await eventually('slot timer', async () =>
    (await shop.kubectl('get', 'pingsources.sources.knative.dev', '-n', shop.namespace, '-o', 'name')) === ''
      ? undefined
      : true,
  );
  await run('uninstall');
  assert.equal(await shop.kubectl('get', 'pingsources.sources.knative.dev', '-A', '-o', 'name'), '');
  assert.equal((await shop.pgbs()).length, 2);
  assert.equal((await shop.stored(shop.running())).length, 2);
  assert.equal((await shop.pgm()).metadata.name, 'pg-manager');
});

test('no block was left out', () => {
  const blocks = documentPages().flatMap((page) => blocksOf(page));
  const marked = blocks.filter(({ language }) => language === 'sh').map(({ name = '(no name)' }) => name);
  assert.deepEqual([...ran, ...runElsewhere].sort(), marked.sort());
});
