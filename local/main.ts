/** Dispatches `npm start` and `npm test` after the bootstrap. */
import { runDemo } from './demo/index.ts';
import { runTests } from '../tools/test.ts';

const [command, ...args] = process.argv.slice(2);

try {
  process.exitCode = await run();
} catch (error) {
  // What went wrong is on the line of its part already when it has one; the stack helps nobody but us.
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(
    `\naidboxops: ${process.env['DEBUG'] === undefined ? message : String((error as Error).stack)}\n`,
  );
  process.exitCode = 1;
}

function run(): Promise<number> {
  if (command === 'start') return runDemo(args);
  if (command === 'test') return runTests(args);
  throw new Error(`unknown command "${command ?? ''}": use npm start or npm test`);
}
