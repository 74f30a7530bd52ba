/** What is read of a run whose pod does not answer: the Pod object, then the catalogue through the present primary. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide } from '../../../functions/backup/decide.ts';
import { gather } from '../../../functions/backup/gather.ts';
import type { PgBackup } from '../../../functions/domain/resources/pg-backup.ts';
import { rfc3339 } from '../../../functions/domain/time.ts';
import { createFakeEffects } from '../../support/effects.ts';
import { createFakeKube } from '../../support/fake-kube.ts';
import { brief } from '../../support/situations/brief.ts';
import { catalogue, listed, report, started } from '../../support/situations/backup.ts';
import { aBackup, slot } from '../../support/situations/objects.ts';
import { container, identity, inspection } from '../../support/situations/pod.ts';

const labels = { app: 'postgres' };
const set = {
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: { name: 'postgres', namespace: 'shop', uid: 'set-1' },
  spec: { replicas: 2, selector: { matchLabels: labels } },
};

function pod(name: string, conditions: readonly object[] = [], status: object = {}): object {
  const uid = name === container.pod ? container.podUID : `uid-${name}`;
  const own = { name: 'postgres', ready: true, containerID: container.containerID, state: { running: {} }, ...status };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'shop', uid, labels, ownerReferences: [{ uid: 'set-1' }] },
    spec: { containers: [{ name: 'postgres', resources: { limits: { memory: '512Mi' } } }] },
    status: { phase: 'Running', conditions, containerStatuses: [own] },
  };
}

const nodeDead = [
  { type: 'Ready', status: 'False' },
  { type: 'ContainersReady', status: 'True' },
];

interface Situation {
  readonly now?: number;
  readonly objects: readonly object[];
  /** Of the pod in which the run was started; absent: it is silent. */
  readonly answer?: Parameters<typeof inspection>[0];
  readonly stored?: readonly Record<string, unknown>[];
}

/** What is decided, and the execs that it took. */
async function reconciled({ answer, now = slot + 60, objects, stored = [] }: Situation) {
  const kube = createFakeKube(now, set, ...objects);
  const execs: string[] = [];
  const effects = createFakeEffects(kube, {
    inspect: ({ pod: name }) => {
      execs.push(`inspect ${name}`);
      if (name === 'postgres-1') return Promise.resolve(inspection({ podTime: now, timeline: 2 }));
      if (answer !== undefined) return Promise.resolve(inspection(answer));
      return Promise.resolve({ ok: false, problem: { kind: 'timeout', message: 'no answer' } });
    },
    catalogue: ({ pod: name }) => {
      execs.push(`catalogue ${name}`);
      return Promise.resolve(catalogue(stored)!);
    },
  });
  const target = { namespace: 'shop', statefulSet: 'postgres', deleted: false, mayRun: false, ticked: true };
  const observation = await gather(effects, target, { elapsed: 0, firstRound: true });
  const { commands } = decide(observation);
  const status = commands.flatMap((command) =>
    command.type === 'applyStatus' && command.kind === 'PgBackup' ? [command.status.message ?? ''] : [],
  )[0];
  return { execs, commands: commands.map(brief), message: status };
}

/** As the API server stores it. */
function stored(backup: PgBackup): object {
  return { ...backup, apiVersion: 'aidbox.pg/v01', kind: 'PgBackup' };
}

const running = stored(started());
const silentSince = (since: number): object => stored(started({ status: { unprovenSince: rfc3339(since) } }));

test('a pod that is only silent is asked again, for as long as its run may last', async () => {
  const { commands, message } = await reconciled({ objects: [running, pod('postgres-0'), pod('postgres-1')] });
  assert.deepEqual(commands, ['status daily running (started)']);
  assert.equal(message, 'pod postgres-0 does not answer: no answer');
});

test('H72 its node is dead: written with the first silence', async () => {
  const objects = [running, pod('postgres-0', nodeDead), pod('postgres-1')];
  const { commands, execs, message } = await reconciled({ objects });
  assert.deepEqual(
    { commands, execs },
    { commands: ['status daily running (started)'], execs: ['inspect postgres-0'] },
  );
  assert.match(message ?? '', /^the node of pod postgres-0 is not ready; it may come back until 06:11:00Z$/);
});

test("H72 a dead node is not asked again, and a person's backup starts on the new primary", async () => {
  const manual = aBackup('manual').created(slot + 100);
  const objects = [
    stored(started({ status: { unprovenSince: rfc3339(slot + 60), message: 'x; it may come back until 06:11:00Z' } })),
    manual.object(),
    pod('postgres-0', nodeDead, { ready: false }),
    pod('postgres-1'),
  ];
  const { commands, execs } = await reconciled({ now: slot + 120, objects });
  assert.deepEqual(execs, ['inspect postgres-1']);
  assert.deepEqual(commands, ['timer backup manual', 'status manual running', 'start uid-manual']);
});

test('H72 ten minutes later: InitializationError with the word of Kubernetes', async () => {
  const objects = [silentSince(slot + 60), pod('postgres-1')];
  const { commands, execs, message } = await reconciled({ now: slot + 660, objects });
  assert.deepEqual(execs, ['inspect postgres-1', 'catalogue postgres-1']);
  assert.deepEqual(commands, ['status daily error InitializationError (started)']);
  assert.match(message ?? '', /^InitializationError: pod postgres-0 is gone\./);
});

test('H72 a container that crashes again and again, killed for its memory', async () => {
  const terminated = { reason: 'OOMKilled', exitCode: 137, containerID: container.containerID };
  const crashing = { ready: false, state: { waiting: { reason: 'CrashLoopBackOff' } }, lastState: { terminated } };
  const objects = [silentSince(slot + 60), pod('postgres-0', [], crashing), pod('postgres-1')];
  const { commands, message } = await reconciled({ now: slot + 660, objects });
  assert.deepEqual(commands, ['status daily error InitializationError (started)']);
  assert.match(message ?? '', /OOMKilled during the run \(memory limit 512Mi\)/);
});

test('H73 it had ended well: proved through the present primary', async () => {
  const objects = [silentSince(slot + 60), pod('postgres-1')];
  const { commands } = await reconciled({ now: slot + 660, objects, stored: [listed()] });
  assert.deepEqual(commands, ['status daily success (started)']);
});

test('another container answers: how the one of the run ended is asked of Kubernetes', async () => {
  const terminated = { reason: 'OOMKilled', exitCode: 137, containerID: container.containerID };
  const again = { containerID: 'containerd://2', lastState: { terminated } };
  const { commands, message } = await reconciled({
    objects: [running, pod('postgres-0', [], again), pod('postgres-1')],
    answer: { identity: { ...identity, ticks: '999' }, run: report({ state: 'none' }) },
  });
  assert.deepEqual(commands, ['status daily error InitializationError (started)']);
  assert.match(message ?? '', /^InitializationError: container postgres of postgres-0 was OOMKilled during the run/);
});
