/** A crash of the function before and after every single effect of a day. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runScript } from './script.ts';

test('H12 a crash before and after every single effect of a day with backup and rotation', async (context) => {
  let effects = 0;
  for (let at = 1; ; at += 1) {
    for (const moment of ['before', 'after'] as const) {
      let count = 0;
      const { outcomes, violations, database } = await runScript({
        days: 1,
        lines: [
          [9_000, 'backup'],
          [20_000, 'backup'],
        ],
        prepare: (world) => {
          world.saboteur = (now, effect) => now === moment && !/(list|get) /.test(effect) && ++count === at;
        },
      });
      assert.deepEqual(violations, [], `crash ${moment} effect ${at}`);
      assert.equal(database.bucket.entries.length, 2, `crash ${moment} effect ${at}`);
      assert.deepEqual([...new Set(outcomes)], ['success'], `crash ${moment} effect ${at}`);
      effects = count;
    }
    if (at > effects) break;
  }
  context.diagnostic(`${effects} effects`);
});
