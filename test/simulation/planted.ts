/** The simulation finds faults: each planted bug, in a process of its own, within its number of seeds. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { plantedBugs } from './planted-bugs.ts';

interface Found {
  readonly seed?: number;
  readonly violations: readonly { readonly invariant: number; readonly text: string }[];
}

const program = join(import.meta.dirname, 'planted-run.ts');

for (const { name, breaks, within } of plantedBugs) {
  test(`planted: ${name}`, async (context) => {
    const { stdout } = await promisify(execFile)(process.execPath, [program, name], { maxBuffer: 1 << 26 });
    const { seed, violations } = JSON.parse(stdout) as Found;
    assert.ok(seed !== undefined, `not found within ${within} seeds`);
    const [first] = violations;
    context.diagnostic(`found by seed ${seed}, invariant ${first?.invariant}: ${first?.text.slice(0, 120)}`);
    assert.ok(
      violations.some(({ invariant }) => breaks.includes(invariant)),
      JSON.stringify(violations).slice(0, 500),
    );
  });
}

test('there are at least fifteen of them', () => {
  assert.ok(plantedBugs.length >= 15);
});
