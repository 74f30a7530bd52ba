/** `npm run e2e`: the main job and every kind of error; `-- --main`: the main job alone; `-- --all`: the rest, too. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { main: { type: 'boolean' }, all: { type: 'boolean' } } });
const suite = values.all ? 'suite-all.ts' : values.main ? 'suite-main.ts' : 'suite.ts';
const file = join(import.meta.dirname, suite);
const child = spawn(process.execPath, ['--test', '--test-reporter=spec', file], { stdio: 'inherit' });
// Ended from outside it must not go on alone: a second run would meet it in the same cluster.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
child.on('exit', (code) => (process.exitCode = code ?? 1));
