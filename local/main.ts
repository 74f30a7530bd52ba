/** `npm start`, after the bootstrap. */
import { buildFunctions } from '../tools/build.ts';
import { runDemo } from './demo/index.ts';
import { runCommand, usageError } from './machine/command-line.ts';

await runCommand(
  {
    name: 'npm start',
    about: [
      'Starts the local environment, makes a demo database with a PgManager and shows each event, process and change',
      'of state until Ctrl-C. Everything lies below .local/ and in the cache directory (~/.cache/aidboxops).',
    ].join('\n'),
    options: {
      once: { type: 'boolean', help: 'end after one scheduled and one manual backup; exit code 1 when one fails' },
      bare: { type: 'boolean', help: 'start the environment without the demo' },
    },
  },
  ({ values: { once, bare } }) => {
    if (once && bare) throw usageError('--once and --bare exclude each other');
    return runDemo(once ? 'once' : bare ? 'bare' : 'demo', buildFunctions);
  },
);
