/** A real API server with its etcd, as two child processes on free ports. */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../machine/ports.ts';
import { endText, type Launched, type ProcessList, type Program } from '../../machine/processes.ts';
import { apiServerArguments, etcdArguments } from './arguments.ts';
import { createCredentials, writeKubeConfig } from './credentials.ts';
import { apiServerIsReady, etcdIsHealthy } from './probe.ts';

/** What the control plane needs. */
export interface ControlPlaneOptions {
  /** Everything is written below this directory. */
  readonly dir: string;
  readonly binaries: { readonly kubeApiserver: string; readonly etcd: string };
  readonly processList: ProcessList;
  /** Writes an audit log at level Metadata: one JSON line per finished request. */
  readonly audit?: boolean | undefined;
}

/** A running API server. */
export interface ControlPlane {
  readonly url: string;
  /** Kubeconfig of a member of system:masters. */
  readonly kubeConfigPath: string;
  /** Where the API server keeps its self-signed certificate and key. */
  readonly certificate: { readonly certPath: string; readonly keyPath: string };
  readonly auditLogPath: string | undefined;
  readonly etcdUrl: string;
  readonly pids: { readonly kubeApiserver: number; readonly etcd: number };
  /** Kills the API server and starts it again at the same address; resolves when it is ready. */
  restartApiServer(): Promise<void>;
  stop(): Promise<void>;
}

const attempts = 5;
const startTimeoutMs = 60_000;

/** Starts both; resolves when the API server says that it is ready. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const dir = join(options.dir, 'control-plane');
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const credentials = createCredentials(dir);

  const etcd = await startOnFreePorts(options.processList, async () => {
    const [clientPort, peerPort] = [await freePort(), await freePort()];
    return {
      port: clientPort,
      program: {
        name: 'etcd',
        command: options.binaries.etcd,
        args: etcdArguments({ dir: join(dir, 'etcd'), clientPort, peerPort }),
        log: join(dir, 'etcd.log'),
      },
      ready: () => etcdIsHealthy(clientPort),
    };
  });
  let apiServer: Launched | undefined;
  try {
    const auditLogPath = options.audit === true ? join(dir, 'audit.log') : undefined;
    const server = await startOnFreePorts(options.processList, async () => {
      const port = await freePort();
      return {
        port,
        program: {
          name: 'kube-apiserver',
          command: options.binaries.kubeApiserver,
          args: apiServerArguments({ dir, port, etcdPort: etcd.port, credentials, auditLogPath }),
          log: join(dir, 'kube-apiserver.log'),
        },
        ready: () => apiServerIsReady(port, credentials.adminToken),
      };
    });
    apiServer = server.launched;
    const certificate = { certPath: join(dir, 'apiserver.crt'), keyPath: join(dir, 'apiserver.key') };
    const url = `https://127.0.0.1:${server.port}`;
    const kubeConfigPath = join(options.dir, 'kubeconfig');
    writeKubeConfig(kubeConfigPath, { url, ca: readFileSync(certificate.certPath), token: credentials.adminToken });
    return {
      url,
      kubeConfigPath,
      certificate,
      auditLogPath,
      etcdUrl: `http://127.0.0.1:${etcd.port}`,
      get pids() {
        return { kubeApiserver: apiServer!.pid!, etcd: etcd.launched.pid! };
      },
      async restartApiServer() {
        await apiServer?.stop('SIGKILL');
        apiServer = options.processList.launch(server.program);
        const outcome = await waitUntilReady(apiServer, server.ready);
        if (outcome !== 'ready') throw new Error(`kube-apiserver ${outcome} after its restart`);
      },
      async stop() {
        await apiServer?.stop('SIGTERM', 4_000);
        await etcd.launched.stop('SIGTERM', 4_000);
      },
    };
  } catch (error) {
    await apiServer?.stop('SIGTERM', 4_000);
    await etcd.launched.stop();
    throw error;
  }
}

interface Candidate {
  readonly port: number;
  readonly program: Program;
  readonly ready: () => Promise<boolean>;
}

/** A free port may be taken by a neighbour before the child binds it: then the child ends, and another port is tried. */
async function startOnFreePorts(
  processList: ProcessList,
  candidate: () => Promise<Candidate>,
): Promise<Candidate & { readonly launched: Launched }> {
  let reason = '';
  for (let attempt = 1; attempt <= attempts; attempt += 1) {
    const { port, program, ready } = await candidate();
    const launched = processList.launch(program);
    const outcome = await waitUntilReady(launched, ready);
    if (outcome === 'ready') return { port, program, ready, launched };
    await launched.stop('SIGKILL');
    reason = `${program.name} ${outcome}; the end of ${program.log}:\n${tail(program.log)}`;
    if (!/address already in use/i.test(reason)) break;
  }
  throw new Error(reason);
}

async function waitUntilReady(launched: Launched, ready: () => Promise<boolean>): Promise<string> {
  const until = performance.now() + startTimeoutMs;
  while (performance.now() < until) {
    if (!launched.isUp()) return `ended with ${endText(await launched.ended)}`;
    if (await ready()) return 'ready';
    await sleep(100);
  }
  return `was not ready after ${startTimeoutMs / 1000} s`;
}

function tail(path: string): string {
  return readFileSync(path, 'utf8').split('\n').slice(-15).join('\n');
}
