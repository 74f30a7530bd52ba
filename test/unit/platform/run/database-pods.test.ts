/** Which pods are asked, whose answer counts, and for how long an answer is waited for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Inspection } from '../../../../functions/domain/run/protocol.ts';
import { findPrimary } from '../../../../functions/platform/run/database-pods.ts';
import type { RunnerResult } from '../../../../functions/domain/run/observed-run.ts';
import { slot } from '../../../support/situations/objects.ts';
import { createFakeEffects } from '../../../support/effects.ts';
import { createFakeKube } from '../../../support/fake-kube.ts';

type Answer = RunnerResult<Inspection>;

function role(role: Inspection['role']): Answer {
  const identity = { host: '', ticks: '', boot: '', postmaster: '1' };
  const rest = { podTime: slot, uid: 1, pgdata: '/data', systemIdentifier: '5', stopping: false, holder: undefined };
  return { ok: true, value: { ...rest, identity, role } };
}

const silent: Answer = { ok: false, problem: { kind: 'timeout', message: 'no answer' } };

interface PodShape {
  readonly answer: Answer | Promise<Answer>;
  readonly ready?: boolean;
  /** The container runs. */
  readonly running?: boolean;
}

/** A StatefulSet with these pods, and who was asked. */
async function found(
  ...pods: readonly PodShape[]
): Promise<{ asked: string[]; found: Awaited<ReturnType<typeof findPrimary>> }> {
  const uid = 'set-1';
  const labels = { app: 'postgres' };
  const set = { kind: 'StatefulSet', apiVersion: 'apps/v1', spec: { selector: { matchLabels: labels } } };
  const objects = pods.map(({ ready = true, running = true }, at) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `postgres-${at}`, namespace: 'shop', labels, ownerReferences: [{ uid }] },
    spec: { containers: [{ name: 'postgres' }] },
    status: {
      phase: 'Running',
      containerStatuses: [{ name: 'postgres', ready, containerID: 'c', state: running ? { running: {} } : {} }],
    },
  }));
  const kube = createFakeKube(slot, { ...set, metadata: { name: 'postgres', namespace: 'shop', uid } }, ...objects);
  const asked: string[] = [];
  const effects = createFakeEffects(kube, {
    inspect: ({ pod }) => {
      asked.push(pod);
      return Promise.resolve(pods[Number(pod.at(-1))]!.answer);
    },
  });
  return { found: await findPrimary(effects, { namespace: 'shop', statefulSet: 'postgres' }, {}), asked };
}

test('the primary is chosen wherever it is, and with it pods that are not ready are not asked', async () => {
  const { asked, found: at } = await found(
    { answer: role('standby') },
    { answer: role('primary') },
    { answer: role('standby'), ready: false },
  );
  assert.deepEqual(asked, ['postgres-0', 'postgres-1']);
  assert.equal(at.podInspection?.container.pod, 'postgres-1');
});

test('H68 a primary that is not ready explains, and is not worked in', async () => {
  const { asked, found: at } = await found(
    { answer: role('primary'), ready: false },
    { answer: role('standby') },
    { answer: role('standby') },
  );
  assert.deepEqual(asked, ['postgres-1', 'postgres-2', 'postgres-0']);
  assert.equal(at.podInspection, undefined);
  assert.deepEqual(at.location, {
    found: 'noPrimary',
    ready: 2,
    who: 'postgres-1 and postgres-2 are standbys, postgres-0 is not ready (Running: container not ready; is the primary)',
  });
});

test('a pod whose container does not run cannot be asked', async () => {
  const { asked } = await found({ answer: role('standby') }, { answer: silent, ready: false, running: false });
  assert.deepEqual(asked, ['postgres-0']);
});

test('several pods of which none is ready are asked, so that the message says what they are', async () => {
  const { found: at } = await found({ answer: role('recovering'), ready: false }, { answer: silent, ready: false });
  assert.deepEqual(at.location, {
    found: 'noPrimary',
    ready: 0,
    who: 'postgres-0 is not ready (Running: container not ready; is recovering), postgres-1 is not ready (Running: container not ready)',
  });
});

test('a silent pod keeps a primary that has answered waiting for five seconds, not for twenty', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const asking = found({ answer: new Promise<Answer>(() => undefined) }, { answer: role('primary') });
  for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
  t.mock.timers.tick(5_000);
  assert.equal((await asking).found.podInspection?.container.pod, 'postgres-1');
});
