/** `npm run e2e`: the main job and every kind of error; with `--all` also the rest, chaos included. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';

const suites = process.argv.includes('--all') ? ['suite-all.ts'] : ['suite.ts'];
const files = suites.map((name) => join(import.meta.dirname, name));
const child = spawn(process.execPath, ['--test', '--test-reporter=spec', ...files], { stdio: 'inherit' });
// Ended from outside it must not go on alone: a second run would meet it in the same cluster.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
child.on('exit', (code) => (process.exitCode = code ?? 1));
