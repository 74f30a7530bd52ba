/**
 * First step of `npm start` and `npm test`: runs on Node 20 with nothing installed, installs the npm packages when they
 * are missing or out of date, then goes on with the Node that they bring.
 */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const packages = join(root, 'node_modules');
const lockFile = join(root, 'package-lock.json');
const node = join(packages, '.bin', 'node');
const [command, ...arguments_] = process.argv.slice(2);
const programs = { start: 'local/main.ts', test: 'tools/test.ts' };

if (!(command in programs)) fail(`unknown command "${command ?? ''}": use npm start or npm test`);
if (process.platform !== 'linux') fail('this runs on Linux only: PostgreSQL and the stand-in for a node need it');
if (Number(process.versions.node.split('.')[0]) < 20)
  fail(`Node ${process.versions.node} is too old: install 20 or newer`);

if (!isInstalled()) await install();
process.exitCode = await run(node, [join(root, programs[command]), ...arguments_]);

/** npm leaves its own copy of the lock file behind when it is done: it is as old as the installation. */
function isInstalled() {
  const installed = join(packages, '.package-lock.json');
  return existsSync(installed) && existsSync(node) && statSync(installed).mtimeMs >= statSync(lockFile).mtimeMs;
}

async function install() {
  const begun = Date.now();
  const total = Object.keys(JSON.parse(readFileSync(lockFile, 'utf8')).packages).length - 1;
  const seconds = () => Math.round((Date.now() - begun) / 1000);
  const show = () => say(`  … npm packages     ${Math.min(countInstalled(), total)} of ${total}, ${seconds()} s`);
  show();
  const timer = setInterval(show, process.stdout.isTTY ? 500 : 10_000);
  const code = await run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], root);
  clearInterval(timer);
  if (code !== 0)
    fail(`npm ci ended with exit code ${code}: see above; it needs the npm registry that npm is set up for`);
  say(`  ✓ npm packages     installed (${seconds()} s)`);
  if (process.stdout.isTTY) process.stdout.write('\n');
}

/** On a terminal the line is rewritten. */
function say(line) {
  process.stdout.write(process.stdout.isTTY ? `\r\x1b[K${line}` : `${line}\n`);
}

function countInstalled(dir = packages) {
  if (!existsSync(dir)) return 0;
  return readdirSync(dir)
    .filter((name) => !name.startsWith('.'))
    .reduce((sum, name) => sum + (name.startsWith('@') ? countInstalled(join(dir, name)) : 1), 0);
}

/** Runs a program in this terminal and hands signals on; the exit code is that of the program. */
function run(program, args, cwd = process.cwd()) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: 'inherit', cwd });
    const forward = (signal) => child.kill(signal);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, forward);
    const watch = watchParent(() => child.kill('SIGTERM'));
    child.on('error', (error) => fail(`${program} cannot be started: ${error.message}`));
    child.on('exit', (code, signal) => {
      clearInterval(watch);
      for (const each of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.off(each, forward);
      resolve(code ?? (signal === 'SIGINT' ? 130 : 143));
    });
  });
}

/** npm may be ended without telling us: then nothing of ours shall stay. */
function watchParent(left) {
  const parent = process.ppid;
  if (process.env.npm_lifecycle_event === undefined) return undefined;
  const timer = setInterval(() => process.ppid !== parent && left(), 1_000);
  timer.unref();
  return timer;
}

function fail(message) {
  process.stderr.write(`aidboxops: ${message}\n`);
  process.exit(1);
}
