/** `npm run e2e`: the tests of the real cluster. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { runCommand, usageError } from '../../local/machine/command-line.ts';

await runCommand(
  {
    name: 'npm run e2e',
    about: [
      'Installs on the cluster of npm run cluster:up by the commands of the documentation and checks, from outside, the',
      'main job, restores and every kind of error.',
    ].join('\n'),
    options: {
      main: { type: 'boolean', help: 'only the main job and restores' },
      all: { type: 'boolean', help: 'also figures, roles, upgrade, killed parts, uninstall, one namespace' },
    },
  },
  ({ values: { main, all } }) => {
    if (main && all) throw usageError('--main and --all exclude each other');
    return runSuite(all ? 'suite-all.ts' : main ? 'suite-main.ts' : 'suite.ts');
  },
);

function runSuite(suite: string): Promise<number> {
  const file = join(import.meta.dirname, 'cluster', suite);
  const child = spawn(process.execPath, ['--test', '--test-reporter=spec', file], { stdio: 'inherit' });
  // Ended from outside it must not go on alone: a second run would meet it in the same cluster.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
  return new Promise((resolve) => child.on('exit', (code) => resolve(code ?? 1)));
}
