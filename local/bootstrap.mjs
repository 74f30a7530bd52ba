/**
 * First step of `npm start`, `npm test` and `npm run verify`: runs on Node 20 with nothing installed, installs the npm
 * packages when they are missing or out of date, then goes on with the Node that they bring.
 */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const packages = join(root, 'node_modules');
const lockFile = join(root, 'package-lock.json');
const node = join(packages, '.bin', 'node');

const programs = { start: 'local/main.ts', test: 'tools/test.ts', verify: 'tools/verify.ts' };
/** These need no PostgreSQL, no API server and no process tables. */
const runAnywhere = ['test:unit', 'test:simulation', 'test:planted', 'verify'];

/** `test:unit` is the suite `unit` of `test`. */
const [script = '', ...given] = process.argv.slice(2);
const [name, suite] = script.split(':');
const arguments_ = suite === undefined ? given : [`--suite=${suite}`, ...given];

if (!(name in programs)) fail(`unknown script "${script}": use ${Object.keys(programs).join(', ')}`);
if (Number(process.versions.node.split('.')[0]) < 20)
  fail(`Node ${process.versions.node} is too old: install 20 or newer`);
if (!runAnywhere.includes(script) && !given.includes('--help')) requireLinux();

if (!isInstalled()) await install();
process.exitCode = await run(node, [join(root, programs[name]), ...arguments_]);

/** PostgreSQL, wal-g and the stand-in for a node exist for this platform only. */
function requireLinux() {
  const platform = `${process.platform} ${process.arch}`;
  if (platform === 'linux x64') return;
  fail(
    `the local environment needs Linux on x64, and this is ${platform}: ` +
      'use a Linux x64 container or VM, or install on a cluster that you have (docs/how-to/install.md)',
  );
}

/** npm leaves its own copy of the lock file behind when it is done: it is as old as the installation. */
function isInstalled() {
  const installed = join(packages, '.package-lock.json');
  return existsSync(installed) && existsSync(node) && statSync(installed).mtimeMs >= statSync(lockFile).mtimeMs;
}

async function install() {
  const begun = Date.now();
  const paths = expectedPaths();
  const total = paths.length;
  const seconds = () => Math.round((Date.now() - begun) / 1000);
  const show = () => say(`  … npm packages     ${paths.filter(isUnpacked).length} of ${total}, ${seconds()} s`);
  show();
  const timer = setInterval(show, process.stdout.isTTY ? 500 : 10_000);
  // Its output is kept until it fails: npm draws on a terminal, over the line above.
  const output = [];
  const code = await run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: root, output });
  clearInterval(timer);
  if (code === 0) return end(`  ✓ npm packages     ${total} of ${total} (${seconds()} s)`);
  end(`  ✗ npm packages     npm ci ended with exit code ${code} (${seconds()} s)`);
  process.stderr.write(Buffer.concat(output));
  fail('the npm packages cannot be installed: npm needs a registry that it can reach');
}

/** Returns where npm will put packages on this machine: those for another system stay away. */
function expectedPaths() {
  return Object.entries(JSON.parse(readFileSync(lockFile, 'utf8')).packages)
    .filter(([path, { os, cpu }]) => path !== '' && admits(os, process.platform) && admits(cpu, process.arch))
    .map(([path]) => path);
}

/** A list names what is admitted, or with `!` what is not. */
function admits(list, value) {
  if (list === undefined || list.includes(value)) return true;
  return list.every((one) => one.startsWith('!')) && !list.includes(`!${value}`);
}

function isUnpacked(path) {
  return existsSync(join(root, path, 'package.json'));
}

/** On a terminal the line is rewritten. */
function say(line) {
  process.stdout.write(process.stdout.isTTY ? `\r\x1b[K${line}` : `${line}\n`);
}

function end(line) {
  say(line);
  if (process.stdout.isTTY) process.stdout.write('\n');
}

/** Runs a program and hands signals on; the exit code is that of the program. `output` collects what it writes. */
function run(program, args, { cwd = process.cwd(), output } = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: output === undefined ? 'inherit' : ['ignore', 'pipe', 'pipe'], cwd });
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => output.push(chunk));
    const forward = (signal) => child.kill(signal);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, forward);
    const watch = watchParent(() => child.kill('SIGTERM'));
    child.on('error', (error) => fail(`${program} cannot be started: ${error.message}`));
    child.on('close', (code, signal) => {
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
