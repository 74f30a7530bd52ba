/** How long a run has been there is what the uptime of its node says, whatever the clock of the pod says. */
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createFixture, hang, type Fixture } from './fixture.ts';
import { shells } from './pod.ts';

describe('age of a run', () => {
  for (const shell of shells) {
    describe(`under ${shell}`, () => {
      let fixture: Fixture;
      before(async () => {
        fixture = await createFixture(shell);
      });
      after(() => fixture.pod.remove());

      test('H85 it is said while the run is alive, by the uptime; a run of an earlier version does not say it', async () => {
        fixture.behave(hang);
        await fixture.start('aged');
        const file = join(fixture.pod.dir, '.run', 'aged', 'uptime');
        const age = async (): Promise<number | undefined> => (await fixture.look('aged')).age;
        const young = await age();
        assert.ok(young !== undefined && young < 60, String(young));
        writeFileSync(join(fixture.pod.dir, '.run', 'aged', 'started'), '1\n');
        assert.ok(((await age()) ?? 100) < 60, 'the clock of the pod was another one when it began');
        writeFileSync(file, '99999999999\n');
        assert.equal(await age(), undefined, 'the node was restarted since');
        rmSync(file);
        assert.equal(await age(), undefined);
        await fixture.stop('aged');
        await fixture.quiet();
      });
    });
  }
});
