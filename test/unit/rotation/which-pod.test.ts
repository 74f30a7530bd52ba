/** Rotation works in the one primary, as a backup does, and does not wait for a pod that is lost. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide } from '../../../functions/rotation/decide.ts';
import { gather } from '../../../functions/rotation/gather.ts';
import type { Observation } from '../../../functions/rotation/observation.ts';
import type { ServerRole } from '../../../functions/domain/run/server-role.ts';
import { createFakeEffects } from '../../support/effects.ts';
import { createFakeKube } from '../../support/fake-kube.ts';
import { brief } from '../../support/situations/brief.ts';
import { database, inspection, sawNothing } from '../../support/situations/pod.ts';
import { catalogue, manager, now, observe, running, success } from '../../support/situations/rotation.ts';

const cases: Readonly<Record<string, { readonly given: Partial<Observation>; readonly want: RegExp }>> = {
  'H69 two primaries: nothing is deleted': {
    given: {
      location: { found: 'severalPrimaries', count: 2, who: 'postgres-0 (timeline 3) and postgres-1 (timeline 4)' },
    },
    want: /two pods say that they are the primary: postgres-0 \(timeline 3\) and postgres-1 \(timeline 4\)\. Stop all but one/,
  },
  'H68 no primary: nothing is deleted': {
    given: { location: { found: 'noPrimary', ready: 1, who: 'postgres-1 is a standby' } },
    want: /no primary among 1 ready pod: postgres-1 is a standby/,
  },
  'H72 the pod of a run is lost: the rotation is over, and holds up no backup': {
    given: {
      manager: manager({ condition: running() }),
      podInspection: sawNothing('timeout', 'no answer'),
      podLost: 'the node of pod postgres-0 is not ready',
    },
    want: /the node of pod postgres-0 is not ready/,
  },
};

for (const [name, { given, want }] of Object.entries(cases)) {
  test(name, () => {
    const { commands } = decide(observe(given));
    const write = commands.find((command) => command.type === 'applyStatus');
    assert.equal(write && brief(write), 'status pg-manager error');
    assert.match(JSON.stringify(write), want);
    assert.ok(!commands.some(({ type }) => type === 'start'));
  });
}

/** What a rotation that is due finds, and where it read the catalogue. */
async function due(...roles: readonly ServerRole[]): Promise<{ found: Observation | undefined; read: string[] }> {
  const object = { ...manager(), apiVersion: 'aidbox.pg/v01', kind: 'PgManager' };
  const backups = [success(8), success(9), success(10)].map((made) => ({ ...made, kind: 'PgBackup' }));
  const kube = createFakeKube(now, object, ...backups, ...database('postgres', roles.length));
  const read: string[] = [];
  const effects = createFakeEffects(kube, {
    inspect: ({ pod }) => Promise.resolve(inspection({ role: roles[Number(pod.at(-1))] ?? 'down' })),
    catalogue: ({ pod }) => {
      read.push(pod);
      return Promise.resolve(catalogue()!);
    },
  });
  const target = { namespace: 'shop', name: 'pg-manager', ticked: true };
  return { found: await gather(effects, target, { elapsed: 0, firstRound: true }), read };
}

test('H69 the pod in which the backup ran is not taken beside another primary', async () => {
  const { found, read } = await due('primary', 'primary');
  assert.equal(found?.location?.found, 'severalPrimaries');
  assert.deepEqual(read, []);
});

test('after a failover the catalogue is read in the new primary', async () => {
  const { read } = await due('standby', 'primary');
  assert.deepEqual(read, ['postgres-1']);
});
