/** `npm start`, after the bootstrap. */
import { buildFunctions } from '../tools/build.ts';
import { runDemo } from './demo/index.ts';
import { exitWith } from './machine/exit-code.ts';

await exitWith(() => runDemo(process.argv.slice(2), buildFunctions));
