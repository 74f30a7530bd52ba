/** How `npm test` runs files in lanes: what failed is known by its exit code, its text and the sums. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { onlyComputes, onlyWaits, runLane, summaryOf } from '../../tools/lanes.ts';

const dir = mkdtempSync(join(tmpdir(), 'aidboxops-lanes-'));
after(() => rmSync(dir, { recursive: true }));
const env = { ...process.env };
// The runner tells its test files so; the programs here are none.
delete env['NODE_TEST_CONTEXT'];

const passing = fileWith('passing', "test('adds', () => undefined); test('subtracts', () => undefined);");
const failing = fileWith('failing', "test('divides', () => { throw new Error('by zero'); });");

function fileWith(name: string, tests: string): string {
  const file = join(dir, `${name}.test.mjs`);
  writeFileSync(file, `import { test } from 'node:test';\n${tests}\n`);
  return file;
}

describe('a lane', () => {
  it('of the background keeps its text for the end, with what failed', async () => {
    const { code, output, totals } = await runLane({ files: [passing, failing], isInBackground: true }, env);
    assert.equal(code, 1);
    assert.match(output, /✖ divides[^]*by zero/);
    assert.deepEqual([totals.counts['tests'], totals.counts['passed'], totals.counts['failed']], [3, 2, 1]);
    assert.deepEqual(Object.keys(totals.files).toSorted(), [failing, passing]);
  });

  it('runs only tests whose name matches', async () => {
    const lane = { files: [passing], isInBackground: true, pattern: '^adds$' };
    const { code, totals } = await runLane(lane, env);
    assert.deepEqual([code, totals.counts['tests']], [0, 1]);
  });

  it('that runs in one process counts too', async () => {
    const { code, totals } = await runLane({ files: [passing], isInBackground: true, inOneProcess: true }, env);
    assert.deepEqual([code, totals.counts['passed']], [0, 2]);
  });

  it('without files has nothing to say', async () => {
    assert.deepEqual(await runLane({ files: [] }, env), { code: 0, output: '', totals: { counts: {}, files: {} } });
  });
});

it('files that only compute are those of unit and simulation, and one only waits', () => {
  const files = [
    'test/unit/a.test.ts',
    '/root/test/simulation/b.test.ts',
    'test/runner/c.test.ts',
    'test/e2e/unit.test.ts',
    'test/e2e/idle.test.ts',
  ];
  assert.deepEqual(files.filter(onlyComputes), files.slice(0, 2));
  assert.deepEqual(files.filter(onlyWaits), files.slice(-1));
});

it('lanes add up in two lines', () => {
  const outcome = {
    code: 0,
    output: '',
    totals: { counts: { tests: 3, passed: 2, failed: 1 }, files: { '/x/a': 5_000 } },
  };
  const other = { code: 0, output: '', totals: { counts: { tests: 4, passed: 4 }, files: { '/x/b': 61_000 } } };
  const [sums, longest] = summaryOf([outcome, other], 70_000).split('\n');
  assert.equal(sums, '7 tests: 6 passed, 1 failed, 0 cancelled, 0 skipped, 1 min 10 s');
  assert.match(longest ?? '', /^longest: \S*x\/b 1 min 1 s, \S*x\/a 5\.0 s$/);
});
