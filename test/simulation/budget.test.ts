/** What a day may cost: a change that asks the API server for more than this has to say why. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { priceOf } from './costs.ts';
import { costOf } from './ledger.ts';

// Rotation asks for the primary, as a backup does: that it is the only one shows only in all pods. Where two functions
// write one status at once, four requests are made again.
for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
  test(`slot → success → rotated takes at most 44 requests, order ${seed}`, async () => {
    const { effects } = await priceOf({ from: -30, to: 240, seconds: 4, seed });
    const { requests, posts } = costOf(effects);
    assert.equal(posts, 4, 'woken, started, succeeded, rotated');
    assert.ok(requests <= 44, effects.map(({ function: name, text }) => `${name} ${text}`).join('\n'));
  });
}

test('a tick during a long backup reads three times, looks once, and writes nothing', async () => {
  const { effects, wakeUps } = await priceOf({ from: 30, to: 90, seconds: 3_000 });
  assert.equal(wakeUps, 2);
  assert.deepEqual(costOf(effects), { requests: 6, writes: 0, execs: 2, posts: 0 });
});

test('I7 idle sweeps and probes write nothing', async () => {
  const { effects } = await priceOf({ from: 3_600, to: 2 * 3_600, seconds: 4 });
  const { writes, requests } = costOf(effects);
  assert.ok(requests > 20, `${requests} requests`);
  assert.equal(writes, 0);
});
