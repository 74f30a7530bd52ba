/** Exec and logs through the real API server into the kubelet stand-in. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { describe, it } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { startPostgres, useEnvironment } from '../support/environment.ts';

const environment = await useEnvironment();
const namespace = 'exec';
let database = await startPostgres(environment, { namespace });

describe('exec', () => {
  it('passes stdout, stderr and the exit code', async () => {
    assert.deepEqual(await exec(['sh', '-c', 'echo out; echo err >&2; exit 3']), {
      stdout: 'out\n',
      stderr: 'err\ncommand terminated with exit code 3\n',
      code: 3,
    });
    assert.deepEqual(await exec(['true']), { stdout: '', stderr: '', code: 0 });
  });

  it('hands arguments over as they are', async () => {
    const odd = ['a b', '', '"quoted"', '$HOME', 'ünï', 'line\nline', '%41+'];
    const { stdout } = await exec(['sh', '-c', 'for one; do printf "[%s]" "$one"; done', 'sh', ...odd]);
    assert.equal(stdout, odd.map((one) => `[${one}]`).join(''));
  });

  it('passes stdin and its end', async () => {
    const answer = await exec(['sh', '-c', 'cat; echo end'], { input: 'hello\n' });
    assert.equal(answer.stdout, 'hello\nend\n');
  });

  it('delivers much output completely', async () => {
    const { stdout } = await exec(['sh', '-c', 'head -c 8000000 /dev/zero | tr "\\0" x; echo; echo last']);
    assert.equal(stdout.length, 8_000_000 + '\nlast\n'.length);
  });

  it('gives the environment of the container and of nobody else', async () => {
    const { stdout } = await exec(['env']);
    const names = stdout.split('\n').map((line) => line.split('=')[0]);
    assert.match(stdout, /^HOSTNAME=postgres-0$/m);
    assert.match(stdout, new RegExp(`^PGDATA=${database.dataDir}$`, 'm'));
    assert.match(stdout, new RegExp(`^PGPORT=${database.port}$`, 'm'));
    assert.match(stdout, /^PATH=[^:]*\/image\/bin:/m);
    assert.equal(names.includes('KUBECONFIG') || names.includes('npm_lifecycle_event'), false);
  });

  it('maps container paths in arguments, but not parts of other paths', async () => {
    const real = database.realPath('/PgBackup');
    const { stdout } = await exec(['echo', '/PgBackup', 'dir=/PgBackup/x.log', '/x/PgBackup', '/PgBackups']);
    assert.equal(stdout, `${real} dir=${real}/x.log /x/PgBackup /PgBackups\n`);
  });

  it('says what a cluster says when something is not there', async () => {
    const cases: { target: string[]; command: string[]; want: RegExp }[] = [
      {
        target: ['postgres-0', '-c', 'nosuch'],
        command: ['true'],
        want: /container nosuch is not valid for pod postgres-0/,
      },
      { target: ['postgres-9'], command: ['true'], want: /pods "postgres-9" not found/ },
      { target: ['postgres-0'], command: ['nosuch'], want: /exec: "nosuch": executable file not found in \$PATH/ },
    ];
    for (const { target, command, want } of cases) {
      const answer = await kubectl(['exec', '-n', namespace, ...target, '--', ...command]);
      assert.match(answer.stderr, want);
      assert.notEqual(answer.code, 0);
    }
  });

  it('does not end the command when the connection is cut', async () => {
    const mark = `${database.realPath('/PgBackup')}/survived`;
    rmSync(mark, { force: true });
    const script = 'echo started; sleep 2; echo into the void; echo yes > /PgBackup/survived';
    const child = spawn(environment.kubectlPath, ['exec', '-n', namespace, 'postgres-0', '--', 'sh', '-c', script], {
      env: { ...process.env, KUBECONFIG: environment.kubeConfigPath },
    });
    await new Promise<void>((seen) => child.stdout.once('data', () => seen()));
    child.kill('SIGKILL');
    assert.equal(
      await eventually('the command has ended', () => (existsSync(mark) ? readFileSync(mark, 'utf8') : undefined)),
      'yes\n',
    );
  });
});

describe('logs', () => {
  it('shows the log of the database, and its end', async () => {
    const { stdout } = await kubectl(['logs', '-n', namespace, 'postgres-0']);
    assert.match(stdout, /database system is ready to accept connections/);
    const last = await kubectl(['logs', '-n', namespace, 'postgres-0', '--tail=1']);
    assert.equal(last.stdout.trim().split('\n').length, 1);
  });
});

describe('restart of the container', () => {
  it('gives transient errors, then a new container with the same data', async () => {
    await database.sql('create table kept (a int); insert into kept values (42); checkpoint');
    process.kill(database.pid, 'SIGINT');
    const seen = new Set<string>();
    const restarted = await eventually('exec works in the new container', async () => {
      const answer = await exec(['sh', '-c', 'echo "$AIDBOXOPS_LOCAL_CONTAINER"']);
      if (answer.code !== 0) seen.add(answer.stderr.trim());
      const id = answer.stdout.trim();
      return id !== '' && id !== database.containerId ? id : undefined;
    });
    for (const error of seen) assert.match(error, /broken pipe|container not found \("postgres"\)/);
    const status = await eventually('the status shows it', async () => {
      const text = await environment.kubectl(['get', 'pod', '-n', namespace, 'postgres-0', '-o', 'json']);
      const [container] = (JSON.parse(text) as { status: { containerStatuses: ContainerStatus[] } }).status
        .containerStatuses;
      return container?.containerID === `containerd://${restarted}` && container.ready ? container : undefined;
    });
    assert.equal(status.restartCount, 1);
    assert.equal(status.lastState.terminated?.containerID, `containerd://${database.containerId}`);
    database = environment.databases()[0]!;
    assert.deepEqual(await database.sql('select a from kept'), [{ a: '42' }]);
  });

  it('ends every process of the old container', async () => {
    const script = "setsid sh -c 'sleep 300 & echo $! > /PgBackup/sleeper; wait' > /dev/null 2>&1 & sleep 0.3";
    await exec(['sh', '-c', script]);
    const pid = Number(readFileSync(`${database.realPath('/PgBackup')}/sleeper`, 'utf8'));
    assert.equal(existsSync(`/proc/${pid}`), true);
    process.kill(database.pid, 'SIGKILL');
    await eventually('the process is gone', () => (existsSync(`/proc/${pid}`) ? undefined : true), 5);
  });
});

interface ContainerStatus {
  readonly containerID: string;
  readonly ready: boolean;
  readonly restartCount: number;
  readonly lastState: { readonly terminated?: { readonly containerID: string } };
}

interface Answer {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

function exec(command: readonly string[], { input }: { input?: string } = {}): Promise<Answer> {
  const flags = input === undefined ? [] : ['-i'];
  return kubectl(['exec', ...flags, '-n', namespace, 'postgres-0', '--', ...command], input);
}

function kubectl(args: readonly string[], input?: string): Promise<Answer> {
  const options = { env: { ...process.env, KUBECONFIG: environment.kubeConfigPath }, maxBuffer: 64 * 1024 * 1024 };
  return new Promise((resolve) => {
    const child = execFile(environment.kubectlPath, args, options, (error, stdout, stderr) =>
      resolve({ stdout, stderr, code: error === null ? 0 : Number(error.code) }),
    );
    child.stdin?.end(input);
  });
}
