/** Which of several ready pods is worked in. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Inspection } from '../../../../functions/domain/run/protocol.ts';
import { inspectPrimary } from '../../../../functions/platform/run/database-pods.ts';
import type { RunnerResult } from '../../../../functions/domain/run/observed-run.ts';
import { slot } from '../../../support/situations/objects.ts';
import { inspection } from '../../../support/situations/pod.ts';
import { createFakeEffects } from '../../../support/effects.ts';
import { createFakeKube } from '../../../support/fake-kube.ts';

const role = (role: Inspection['role']): RunnerResult<Inspection> => inspection({ role });
const silent: RunnerResult<Inspection> = { ok: false, problem: { kind: 'timeout', message: 'no answer' } };

const choices: readonly (readonly [string, readonly RunnerResult<Inspection>[], number])[] = [
  ['the primary, wherever it is', [role('standby'), role('primary')], 1],
  ['the primary, although another is silent', [silent, role('primary')], 1],
  ['a single standby', [role('standby')], 0],
  ['the first of standbys', [role('standby'), role('standby')], 0],
  ['the silent one, which may be the primary, before a standby', [role('standby'), silent], 1],
];

for (const [which, answers, want] of choices) {
  test(`worked in: ${which}`, async () => {
    const kube = createFakeKube(slot);
    const inspect = ({ pod }: { readonly pod: string }): Promise<RunnerResult<Inspection>> =>
      Promise.resolve(answers[Number(pod)]!);
    const places = answers.map((_, at) => ({ pod: String(at), podUID: 'u', containerID: 'c' }));
    const subject = { namespace: 'shop', statefulSet: 'postgres' };
    const look = await inspectPrimary(createFakeEffects(kube, { inspect }), subject, places, {});
    assert.deepEqual(look, { container: places[want], answer: answers[want] });
  });
}
