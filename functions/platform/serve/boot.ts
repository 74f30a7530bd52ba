/**
 * What a container runs: `boot.cjs FUNCTION` runs the bundle of that name beside it from V8's code cache, `cache/FUNCTION`.
 * The cache holds every function that the process which made it had called; Node's own compile cache holds those that are
 * compiled while loading, and would leave a fifth of a cold start to compiling. V8 compares no more of the source than its
 * length: a cache belongs to the very bundle and Node that it was made with. Without one, or with one of another Node, all
 * is compiled anew. With `MAKE_CODE_CACHE` set the process makes the cache when it ends.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Script } from 'node:vm';

const [, self = '', name = ''] = process.argv;
const bundle = join(dirname(self), `${name}.cjs`);
const cache = join(dirname(self), 'cache', name);
const make = process.env['MAKE_CODE_CACHE'] !== undefined;

const source = `(function (require, module, exports) {${readFileSync(bundle, 'utf8')}\n})`;
const cachedData = !make && existsSync(cache) ? readFileSync(cache) : undefined;
const script = new Script(source, { filename: bundle, ...(cachedData && { cachedData }) });

if (make) process.once('exit', () => writeFileSync(cache, script.createCachedData()));
if (script.cachedDataRejected === true) process.stderr.write(`${cache} is of another Node: compiled anew\n`);

const module = { exports: {} };
const run = script.runInThisContext() as (require: NodeJS.Require, module: object, exports: object) => void;
run(createRequire(bundle), module, module.exports);
