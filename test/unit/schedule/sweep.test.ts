/** What the sweep asks for because a condition names a PgBackup that may be gone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createScheduleHandler } from '../../../functions/schedule/handler.ts';
import { createApp } from '../../../functions/platform/serve/server.ts';
import { rfc3339 } from '../../../functions/domain/time.ts';
import { aBackup, aManager, slot, type BackupBuilder } from '../../support/situations/objects.ts';
import { createFakeClock, createFakeEffects } from '../../support/effects.ts';
import { createFakeKube } from '../../support/fake-kube.ts';
import { send } from '../../support/http.ts';

const tick = { type: 'dev.knative.sources.ping', pgpurpose: 'sweep', id: 'tick-1', data: {} };
const lastSuccess = { name: 'newest', uid: 'uid-newest', finishTime: rfc3339(slot - 7200) };
const served = { servedBackup: 'uid-newest' };

/** Names that the backup function is asked about, in one sweep over one PgManager. */
async function asked(suspended: boolean, ...backups: readonly BackupBuilder[]): Promise<unknown[]> {
  const manager = aManager()
    .suspended(suspended)
    .condition('backup', { status: 'ok', lastSuccess })
    .condition('rotation', served);
  const kube = createFakeKube(slot - 3600, manager.object(), ...backups.map((backup) => backup.object()));
  const effects = createFakeEffects(kube);
  const clock = createFakeClock();
  const app = createApp({ log: effects.log, clock, routes: { '/': createScheduleHandler(effects, clock, '') } });
  assert.equal(await send(app, tick), 204);
  return effects.sink.posted
    .filter(({ extensions }) => extensions?.['pgpurpose'] === 'backup')
    .map(({ data }) => (data as { name: string }).name);
}

test('H92 a suspended PgManager whose newest success is gone: the backup function is asked to correct it', async () => {
  assert.deepEqual(await asked(true), ['uid-newest']);
});

test('H92 another PgBackup has taken the name of the newest success', async () => {
  const namesake = aBackup('newest').uid('uid-other').succeeded(slot).announced();
  assert.deepEqual(await asked(true, namesake), ['uid-newest']);
});

test('H92 nothing is asked for while it is there, nor for a PgManager whose next backup corrects it', async () => {
  assert.deepEqual(await asked(true, aBackup('newest').succeeded(slot).announced()), []);
  assert.deepEqual(await asked(false), []);
});
