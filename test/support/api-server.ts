/** A real kube-apiserver with its etcd, as small as contract tests need it: no controllers, no nodes, RBAC on. */
import { spawn, type ChildProcess } from 'node:child_process';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { createServer, type AddressInfo } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** One HTTP exchange with the API server; `body` is sent as JSON. */
export interface ApiCall {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What the API server answered, parsed when it is JSON. */
export interface ApiAnswer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/** A running API server. `stop` ends both processes and leaves the directory with their logs. */
export interface ApiServer {
  readonly url: string;
  /** Path of a kubeconfig with administrator rights. */
  readonly kubeconfig: string;
  call(what: ApiCall): Promise<ApiAnswer>;
  /** Forgets all history until now, as the API server has etcd do every five minutes. It notices within 15 s. */
  compact(): Promise<void>;
  stop(): Promise<void>;
}

/** The folder with `kube-apiserver` and `etcd`, or undefined when this machine has none yet. */
export function findBinaries(environment = process.env): string | undefined {
  const cache = join(environment['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'aidboxops', 'bin');
  const folders = [environment['KUBEBUILDER_ASSETS'], cache].filter((folder) => folder !== undefined);
  return folders.find((folder) => ['kube-apiserver', 'etcd'].every((name) => existsSync(join(folder, name))));
}

/** Starts etcd and the API server on free ports; everything they write lies below `dir`. */
export async function startApiServer({ dir }: { dir: string }): Promise<ApiServer> {
  const binaries = findBinaries();
  if (binaries === undefined)
    throw new Error('no kube-apiserver and etcd: set KUBEBUILDER_ASSETS or run npm start once');
  await mkdir(dir, { recursive: true });
  const [clientPort, peerPort, port] = await freePorts(3);
  const [etcdUrl, peerUrl, url] = [clientPort, peerPort, port].map((each) => `http://127.0.0.1:${each}`);
  const key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' });
  const adminToken = randomUUID();
  const keyFile = join(dir, 'service-account.key');
  await writeFile(keyFile, key, { mode: 0o600 });
  await writeFile(join(dir, 'tokens.csv'), `${adminToken},admin,admin,system:masters\n`, { mode: 0o600 });

  const etcd = launch(dir, join(binaries, 'etcd'), [
    `--data-dir=${join(dir, 'etcd')}`,
    `--listen-client-urls=${etcdUrl}`,
    `--advertise-client-urls=${etcdUrl}`,
    `--listen-peer-urls=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--initial-cluster=default=${peerUrl}`,
    '--unsafe-no-fsync',
  ]);
  const apiServer = launch(dir, join(binaries, 'kube-apiserver'), [
    `--etcd-servers=${etcdUrl}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${port}`,
    `--cert-dir=${join(dir, 'certificates')}`,
    `--token-auth-file=${join(dir, 'tokens.csv')}`,
    '--authorization-mode=RBAC',
    `--service-account-key-file=${keyFile}`,
    `--service-account-signing-key-file=${keyFile}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    // Without a controller manager nobody makes the service accounts that this plugin insists on.
    '--disable-admission-plugins=ServiceAccount',
  ]);
  const secureUrl = url!.replace('http:', 'https:');
  const kubeconfig = join(dir, 'kubeconfig.json');
  await writeFile(kubeconfig, JSON.stringify(adminKubeconfig(secureUrl, adminToken)), { mode: 0o600 });
  const server: ApiServer = {
    url: secureUrl,
    kubeconfig,
    call: (what) => call(secureUrl, adminToken, what),
    compact: () => compact(etcdUrl!),
    stop: async () => {
      await end(apiServer);
      await end(etcd);
    },
  };
  try {
    await waitUntilReady(server, apiServer, join(dir, 'kube-apiserver.log'));
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

function adminKubeconfig(server: string, token: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'admin',
    clusters: [{ name: 'test', cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'admin', user: { token } }],
    contexts: [{ name: 'admin', context: { cluster: 'test', user: 'admin' } }],
  };
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => new Promise((resolve) => server.once('listening', resolve))));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

function launch(dir: string, program: string, args: readonly string[]): ChildProcess {
  const log = openSync(join(dir, `${program.split('/').at(-1)}.log`), 'w');
  const child = spawn(program, args, { stdio: ['ignore', log, log] });
  closeSync(log);
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  // The state is thrown away: nothing is gained by letting them drain.
  child.kill('SIGKILL');
  await exited;
}

/** API servers learn from this key what another one of them has compacted, and forget it too. */
const compactedKey = Buffer.from('compact_rev_key').toString('base64');

async function compact(etcdUrl: string): Promise<void> {
  const { header } = await callEtcd(etcdUrl, 'range', { key: compactedKey });
  // The one that writing the key makes: what is read now is older.
  const revision = String(BigInt(header.revision) + 1n);
  await callEtcd(etcdUrl, 'put', { key: compactedKey, value: Buffer.from(revision).toString('base64') });
  await callEtcd(etcdUrl, 'compaction', { revision, physical: true });
}

async function callEtcd(etcdUrl: string, what: string, body: object): Promise<{ header: { revision: string } }> {
  const answer = await fetch(`${etcdUrl}/v3/kv/${what}`, { method: 'POST', body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`etcd refused ${what}: ${await answer.text()}`);
  return (await answer.json()) as { header: { revision: string } };
}

async function waitUntilReady(server: ApiServer, child: ChildProcess, log: string): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (performance.now() < deadline && child.exitCode === null) {
    const answer = await server.call({ method: 'GET', path: '/readyz' }).catch(() => undefined);
    if (answer?.status === 200) return;
    await sleep(200);
  }
  throw new Error(`kube-apiserver did not become ready; end of its log:\n${readFileSync(log, 'utf8').slice(-2000)}`);
}

function call(url: string, token: string, what: ApiCall): Promise<ApiAnswer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      `${url}${what.path}`,
      {
        method: what.method,
        // The certificate is made by the API server at each start and is known to nobody.
        rejectUnauthorized: false,
        timeout: 15_000,
        headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json', ...what.headers },
      },
      (incoming) => {
        let text = '';
        incoming.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, body: parse(text) }));
      },
    );
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer to ${what.method} ${what.path}`)));
    outgoing.on('error', reject);
    outgoing.end(what.body === undefined ? undefined : JSON.stringify(what.body));
  });
}

function parse(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return { text };
  }
}
