import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runnerArguments } from '../../functions/platform/run/runner.ts';

test('shellcheck finds nothing in runner.sh', () => {
  const file = fileURLToPath(new URL('../../functions/platform/run/runner.sh', import.meta.url));
  const { stdout, status, error } = spawnSync('shellcheck', ['-s', 'sh', file], { encoding: 'utf8' });
  assert.deepEqual({ stdout, status, error }, { stdout: '', status: 0, error: undefined });
});

for (const command of ['start', 'inspect', 'catalogue', 'stop', 'probe', 'prune'] as const) {
  test(`the script sent for ${command} is at most 8 KiB and valid for every shell`, () => {
    const script = runnerArguments(command, []).at(4) ?? '';
    assert.ok(Buffer.byteLength(script) <= 8192, `${Buffer.byteLength(script)} bytes`);
    for (const shell of [['dash'], ['busybox', 'sh'], ['bash', '--posix']]) {
      const [program = '', ...rest] = shell;
      const { stderr, status } = spawnSync(program, [...rest, '-n'], { input: script, encoding: 'utf8' });
      assert.deepEqual({ shell, stderr, status }, { shell, stderr: '', status: 0 });
    }
  });
}
