/** The hard cases, each run to its end with all invariants checked. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hardCases } from './hard-cases.ts';
import { runScript } from './script.ts';

for (const { name, want, ...script } of hardCases) {
  test(name, async () => {
    const result = await runScript(script);
    assert.deepEqual(result.violations, [], result.trace.slice(-80).join('\n'));
    want(result);
  });
}
