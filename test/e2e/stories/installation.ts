/** Installs with the documents' own commands, and uninstalls: what is ours goes, what is yours stays. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { functionNames } from '../../../tools/build.ts';
import type { TestDatabase } from '../../support/database.ts';
import type { OpenCluster, TestCluster } from '../../support/test-cluster.ts';
import { takeBackup, untilAtZero } from './backups.ts';

/** Registers the story of an installation. */
export function installation(open: OpenCluster): void {
  describe('installation', () => {
    let cluster: TestCluster;
    before(async () => {
      cluster = await open('installation');
    });
    after(() => (cluster as TestCluster | undefined)?.close());

    test('what has to be there is there', async () => {
      const printed = await cluster.follow('install-check');
      assert.equal(printed.trim().split('\n').length, 4, 'a headline and three definitions');
      assert.match(printed, /services\.serving\.knative\.dev/);
    });

    test('definitions, functions and sources become ready', async () => {
      const printed = await cluster.follow('install');
      assert.match(printed, /customresourcedefinition\.apiextensions\.k8s\.io\/pgmanagers\.aidbox\.pg condition met/);
      for (const name of functionNames())
        assert.match(printed, new RegExp(`service\\.serving\\.knative\\.dev/${name} condition met`));
      const sources = 'apiserversources,pingsources,sinkbindings';
      await cluster.kubectl('wait', '-n', 'aidboxops', sources, '--all', '--for=condition=Ready', '--timeout=120s');
    });

    test('every function goes to zero', () => untilAtZero(cluster));
  });
}

/** Registers the story of its end. */
export function uninstallation(open: OpenCluster): void {
  describe('uninstall', () => {
    let cluster: TestCluster;
    let database: TestDatabase;
    before(async () => {
      cluster = await open('uninstall');
      database = await cluster.database();
    });
    after(() => (cluster as TestCluster | undefined)?.close());

    test('functions, access and timers go; PgManagers, PgBackups, databases and stored backups stay', async () => {
      await cluster.manager();
      await takeBackup(cluster, 'kept');
      const stored = await database.stored();
      const timers = ['get', 'pingsources.sources.knative.dev', '-o', 'name'];
      await cluster.eventually('slot timer', async () =>
        (await cluster.kubectl(...timers, '-n', cluster.namespace)) === '' ? undefined : true,
      );
      await cluster.follow('uninstall');

      const left = await cluster.kubectl('get', 'namespace', 'aidboxops', '--ignore-not-found', '-o', 'name');
      assert.equal(left, '');
      const ours = ['-A', '-l', 'app.kubernetes.io/part-of=aidboxops', '-o', 'name'];
      const kinds = 'clusterroles,clusterrolebindings,services.serving.knative.dev,triggers,brokers';
      assert.equal(await cluster.kubectl('get', kinds, ...ours), '');
      await cluster.eventually('the end of all timers', async () => (await cluster.kubectl(...timers, '-A')) === '');
      assert.equal((await cluster.pgm()).metadata.name, 'pg-manager');
      assert.equal((await cluster.pgb('kept'))?.status.state, 'success');
      assert.deepEqual(await database.stored(), stored);
    });
  });
}
