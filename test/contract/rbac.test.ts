/**
 * Least privilege, from the API server's audit log: while everything that the functions do was done once, each
 * ServiceAccount has used every verb that it is granted, and was refused nothing.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertSucceeds, slow, takeBackup, untilRunning } from '../e2e/stories/backups.ts';
import { auditLines, type AuditLine } from '../support/audit.ts';
import { eventually } from '../support/eventually.ts';
import { kubernetesEvent } from '../support/outside.ts';
import { openLocalCluster, type LocalCluster } from '../support/local-cluster.ts';
import { timeOfDay } from '../support/objects.ts';

interface Role {
  readonly metadata: { readonly name: string };
  readonly rules: readonly {
    readonly apiGroups: readonly string[];
    readonly resources: readonly string[];
    readonly verbs: readonly string[];
  }[];
}

const accountPrefix = 'system:serviceaccount:aidboxops:';

/** Granted and not used here, each for a reason. */
const exceptions: Readonly<Record<string, string>> = {
  'backup create pods/exec': 'asked for from Kubernetes 1.35 on',
  'rotation create pods/exec': 'asked for from Kubernetes 1.35 on',
  'storage create pods/exec': 'asked for from Kubernetes 1.35 on',
  'apiserver-source get aidbox.pg/pgmanagers':
    "Knative's controller asks whether it is granted, its adapter only watches",
  'apiserver-source get aidbox.pg/pgbackups':
    "Knative's controller asks whether it is granted, its adapter only watches",
};

/** A pod that comes back has its data. */
const database = { claims: true };

let cluster: LocalCluster;
/** While true, every event for the rotation function gets lost. */
let rotationIsDeaf = false;

before(async () => {
  const loses = (trigger: string): boolean => rotationIsDeaf && trigger.startsWith('rotation-');
  cluster = await openLocalCluster('rbac', { audit: true, loses });
});

after(() => (cluster as LocalCluster | undefined)?.close());

test('everything that the functions do', async () => {
  // The slow one waits most of the time, and has a database of its own.
  await Promise.all([slowBackupUnderProbe(), everythingElse()]);
});

async function everythingElse(): Promise<void> {
  await cluster.database(database);
  await cluster.manager({ at: timeOfDay(12), keep: 1 });
  const slot = await eventually('the backup of the slot', async () =>
    (await cluster.backupNames('postgres')).find((name) => name.startsWith('pg-manager-')),
  );
  await assertSucceeds(cluster, slot);
  await forgetTheSlot();
  await cluster.backup('failing', 'nothing');
  assert.equal((await cluster.finished('failing')).status.reason, 'NoPodAccess');
  await missASlot();

  rotationIsDeaf = true;
  await takeBackup(cluster, 'by-hand');
  rotationIsDeaf = false;
  await withoutPod(async () => {
    await cluster.tick('sweep');
    await untilUsed('rotation list pods');
  });

  rotationIsDeaf = true;
  await takeBackup(cluster, 'next');
  // Somebody took the timer of the rotation that is owed now: the rotation makes it anew, as soon as it hears.
  await cluster.kubectl(
    'delete',
    'pingsource',
    '-n',
    'shop',
    `aidboxops-rotation-${(await cluster.pgm()).metadata.uid}`,
  );
  rotationIsDeaf = false;
  await cluster.tick('sweep');
  await eventually('rotation of the slot', async () => (await cluster.pgb(slot)) === undefined, 90);

  rotationIsDeaf = true;
  await takeBackup(cluster, 'last');
  await cluster.kubectl('delete', 'statefulset', '-n', 'shop', 'postgres');
  // A pod that is still stopping answers, so the rotation would not list StatefulSets.
  await untilNoDatabase();
  rotationIsDeaf = false;
  await cluster.tick('sweep');
  await untilUsed('rotation list apps/statefulsets');
  await cluster.tick('probe');
  await untilUsed('storage list apps/statefulsets');
  await cluster.patch({ spec: { backup: { suspend: true } } });
  await untilUsed('schedule delete sources.knative.dev/pingsources');
}

test('nothing was refused, and every grant was used but for the exceptions', async () => {
  const granted = await grants();
  // Only when a watch ends the audit log has it.
  await cluster.close();
  const lines = linesOfOurs();
  const refused = lines.filter(({ responseStatus }) => responseStatus?.code === 403);
  assert.deepEqual(
    refused.map((line) => `${accountOf(line)} ${line.verb} ${line.requestURI}`),
    [],
  );
  const used = new Set(lines.flatMap(usedGrants));
  const unused = granted.filter((grant) => !used.has(grant));
  assert.deepEqual(unused.toSorted(), Object.keys(exceptions).toSorted());
});

/** As if the cursor had not moved when the slot's PgBackup was made: whose its name is has to be looked at. */
async function forgetTheSlot(): Promise<void> {
  await setCursor(Date.now() - 60 * 60_000);
  await cluster.tick('sweep');
  await untilUsed('schedule get aidbox.pg/pgbackups');
}

/** An outage of three days, as an administrator can feign it: too late for all slots but the last. */
async function missASlot(): Promise<void> {
  await setCursor(Date.now() - 3 * 86_400_000);
  await cluster.tick('sweep');
  await kubernetesEvent(cluster, (await cluster.pgm()).metadata.uid, 'SlotMissed');
}

async function setCursor(time: number): Promise<void> {
  const since = `${new Date(time).toISOString().slice(0, 19)}Z`;
  await cluster.feignSchedule({ since, lastSlot: since });
}

/** It outlives the activation that starts it. Whoever probes meanwhile finds the lock held and asks what answers for it. */
async function slowBackupUnderProbe(): Promise<void> {
  await cluster.database({ name: 'slow', env: slow });
  await cluster.manager({ name: 'slow', statefulSet: 'slow' });
  await cluster.backup('slow', 'slow');
  await untilRunning(cluster, 'slow');
  await cluster.tick('probe');
  await assertSucceeds(cluster, 'slow');
}

/** Without its pod: whoever works there next has to look for another. */
async function withoutPod(work: () => Promise<unknown>): Promise<void> {
  await scale(0);
  await untilNoDatabase();
  await work();
  await scale(1);
  await cluster.database(database);
}

function untilNoDatabase(): Promise<true> {
  return eventually('no database', () => cluster.environment.databases().every(({ pod }) => pod !== 'postgres-0'));
}

async function scale(replicas: number): Promise<void> {
  await cluster.kubectl('scale', 'statefulset', '-n', 'shop', 'postgres', `--replicas=${replicas}`);
}

function untilUsed(grant: string): Promise<true> {
  return eventually(grant, () => linesOfOurs().some((line) => usedGrants(line).includes(grant)));
}

/** Requests of the functions and of the source. */
function linesOfOurs(): AuditLine[] {
  return auditLines(cluster.environment).filter((line) => accountOf(line) !== undefined);
}

function accountOf({ user, impersonatedUser }: AuditLine): string | undefined {
  const { username } = impersonatedUser ?? user;
  return username.startsWith(accountPrefix) ? username.slice(accountPrefix.length) : undefined;
}

/** Such as `backup get apps/statefulsets`; an apply that creates is a patch that needs `create` too. */
function usedGrants(line: AuditLine): string[] {
  const { objectRef, verb, responseStatus } = line;
  if (objectRef === undefined) return [];
  const { apiGroup, resource, subresource } = objectRef;
  const what = nameOf(apiGroup ?? '', subresource === undefined ? resource : `${resource}/${subresource}`);
  const verbs = verb === 'patch' && responseStatus?.code === 201 ? ['patch', 'create'] : [verb];
  return verbs.map((one) => `${accountOf(line)} ${one} ${what}`);
}

async function grants(): Promise<string[]> {
  const selector = 'app.kubernetes.io/component=function-access';
  const roles = JSON.parse(await cluster.kubectl('get', 'clusterroles', '-l', selector, '-o', 'json')) as {
    items: Role[];
  };
  return roles.items.flatMap(({ metadata, rules }) =>
    rules.flatMap(({ apiGroups, resources, verbs }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) =>
          verbs.map((verb) => `${metadata.name.replace('aidboxops-', '')} ${verb} ${nameOf(group, resource)}`),
        ),
      ),
    ),
  );
}

function nameOf(group: string, resource: string): string {
  return group === '' ? resource : `${group}/${resource}`;
}
