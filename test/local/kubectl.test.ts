import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { kubectlRunner } from '../../local/machine/kubectl.ts';

test('a kubectl that ends without reading its input ends nobody else', async () => {
  const run = kubectlRunner('echo', '/dev/null', tmpdir());
  assert.equal(await run(['done'], 'x'.repeat(4 * 1024 * 1024)), 'done\n');
});

test('without input it finds the end of it', async () => {
  const run = kubectlRunner('cat', '/dev/null', tmpdir());
  assert.equal(await run([]), '');
});
