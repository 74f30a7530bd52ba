/** The simulation finds faults: each planted bug, in a process of its own, within its number of seeds, by an invariant. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { plantedBugs } from './planted-bugs.ts';
import type { Found } from './planted-run.ts';

const program = join(import.meta.dirname, 'planted-run.ts');

test('planted bugs', { concurrency: availableParallelism() }, async (context) => {
  await Promise.all(
    plantedBugs.map(({ breaks, name, within }) =>
      context.test(`${breaks.map((number) => `I${number}`).join(' ')} ${name}`, async (each) => {
        const { stdout } = await promisify(execFile)(process.execPath, [program, name], { maxBuffer: 1 << 26 });
        const { runs, seed, violations } = JSON.parse(stdout) as Found;
        assert.ok(seed !== undefined, `not found within ${within} seeds`);
        const [first] = violations;
        each.diagnostic(`seed ${seed}, ${runs} seeds run: I${first?.invariant}: ${first?.text.slice(0, 120)}`);
      }),
    ),
  );
});
