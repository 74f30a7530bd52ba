/** Storage is probed through the one primary; without one nothing is known of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judge } from '../../../functions/storage/checks.ts';
import { probeStorage } from '../../../functions/storage/gather.ts';
import type { ServerRole } from '../../../functions/domain/run/server-role.ts';
import { createFakeEffects } from '../../support/effects.ts';
import { createFakeKube } from '../../support/fake-kube.ts';
import { slot } from '../../support/situations/objects.ts';
import { database, inspection } from '../../support/situations/pod.ts';
import { probed, subject } from '../../support/situations/storage.ts';

/** The pods that were probed, and the verdict. */
async function probe(...roles: readonly ServerRole[]): Promise<{ pods: string[]; verdict: ReturnType<typeof judge> }> {
  const pods: string[] = [];
  const effects = createFakeEffects(createFakeKube(slot, ...database('postgres', roles.length)), {
    inspect: ({ pod }) => Promise.resolve(inspection({ role: roles[Number(pod.at(-1))] ?? 'down', timeline: 2 })),
    probe: ({ pod }) => {
      pods.push(pod);
      return Promise.resolve({ ok: true, value: probed() });
    },
  });
  return { verdict: judge(await probeStorage(effects, subject)), pods };
}

test('a single pod is probed whatever its server does', async () => {
  assert.deepEqual(await probe('down'), { pods: ['postgres-0'], verdict: { kind: 'ok', fact: 'ok' } });
});

test('the primary is probed', async () => {
  assert.deepEqual((await probe('standby', 'primary')).pods, ['postgres-1']);
});

test('H68 standbys alone are not', async () => {
  const detail = 'postgres-0 and postgres-1 are standbys';
  const verdict = { kind: 'unknown', fact: 'no pod is a primary in production', detail };
  assert.deepEqual(await probe('standby', 'standby'), { pods: [], verdict });
});

test('H69 nor are two primaries', async () => {
  const who = 'postgres-0 (timeline 2) and postgres-1 (timeline 2)';
  const fact = `two pods say that they are the primary: ${who}. Stop all but one.`;
  assert.deepEqual(await probe('primary', 'primary'), { pods: [], verdict: { kind: 'unknown', fact } });
});
