/** `npm start` as a process: what it writes while it runs, how it ends, and what it finds after a crash. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, describe, it } from 'node:test';
import { isAlive, processesLeft, type ProcessIdentity } from '../../local/machine/processes.ts';
import { eventually } from '../support/eventually.ts';

const root = resolve(import.meta.dirname, '..', '..');
const parent = mkdtempSync(join(tmpdir(), 'aidboxops-start-'));
const dir = join(parent, 'local');
const started: ChildProcess[] = [];
after(() => {
  // A failed test may not have got to the end of what it started.
  for (const child of started) child.kill('SIGTERM');
  rmSync(parent, { recursive: true, force: true });
});

interface Recorded {
  readonly owner: ProcessIdentity;
  /** mkdtemp keeps the database user out when we are root: files of pods lie elsewhere then. */
  readonly directories: readonly string[];
}

interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  output(): string;
}

interface Description {
  readonly kubeconfig: string;
  readonly apiServer: string;
  readonly broker: string;
  readonly functions: readonly { name: string; state: string; url: string; log: string }[];
  readonly storageDir: string;
  readonly walg: { path: string; version: string; env: Record<string, string> };
  readonly kubelet: { port: number };
}

describe('npm start -- --bare', () => {
  it('describes itself while it runs, refuses a second one in the same place, and leaves nothing', async () => {
    const first = start();
    const description = await described();
    assert.equal(existsSync(description.kubeconfig), true);
    assert.match(description.apiServer, /^https:\/\/127\.0\.0\.1:\d+$/);
    assert.match(description.broker, /^http:\/\/127\.0\.0\.1:\d+\/aidboxops\/aidboxops$/);
    assert.deepEqual(
      description.functions.map(({ name, state }) => `${name} ${state}`),
      ['backup zero', 'rotation zero', 'schedule zero', 'storage zero'],
    );
    assert.match(description.walg.version, /wal-g/);
    assert.ok(description.kubelet.port > 0);
    assert.equal(existsSync(description.storageDir), true);

    const second = start();
    assert.equal(await second.ended, 1);
    assert.match(second.output(), /an environment already runs in .* stop it with Ctrl-C first/);

    first.child.kill('SIGINT');
    assert.equal(await first.ended, 0, first.output());
    assert.match(first.output(), /everything is stopped/);
    assert.deepEqual(processesLeft(dir), []);
    assert.equal(existsSync(join(dir, 'environment.json')), false);
  });

  it('ends what a crash has left', async () => {
    const crashed = start();
    await described();
    const left = processesLeft(dir);
    const recorded = JSON.parse(readFileSync(join(dir, 'processes.json'), 'utf8')) as Recorded;
    const {
      owner,
      directories: [outside],
    } = recorded;
    process.kill(owner.pid, 'SIGKILL');
    await crashed.ended;
    assert.deepEqual(left.map((one) => one.name).sort(), ['etcd', 'kube-apiserver']);
    assert.equal(left.every(isAlive), true);

    rmSync(join(dir, 'environment.json'));
    const next = start();
    await described();
    assert.equal(left.some(isAlive), false);
    assert.match(next.output(), /ended what an earlier run had left: .*etcd/);
    if (outside !== undefined) assert.equal(existsSync(outside), false);
    next.child.kill('SIGTERM');
    assert.equal(await next.ended, 0, next.output());
    assert.deepEqual(processesLeft(dir), []);
  });
});

function start(): Running {
  const env = { ...process.env, AIDBOXOPS_LOCAL_DIR: dir };
  // Told to every test file by the runner; the process is none.
  delete (env as NodeJS.ProcessEnv)['NODE_TEST_CONTEXT'];
  const child = spawn(process.execPath, [join(root, 'local', 'bootstrap.mjs'), 'start', '--bare'], { cwd: root, env });
  started.push(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const ended = new Promise<number | null>((resolveCode) => child.on('close', (code) => resolveCode(code)));
  return { child, ended, output: () => output };
}

function described(): Promise<Description> {
  return eventually(
    'environment.json',
    () => JSON.parse(readFileSync(join(dir, 'environment.json'), 'utf8')) as Description,
    90,
  );
}
