/** Starts a node: etcd, API server, controllers, container runtime, kubelet and proxy, all inside its namespaces. */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { kubectlRunner, type Kubectl } from '../../../local/machine/kubectl.ts';
import type { ProcessList } from '../../../local/machine/processes.ts';
import type { Progress } from '../../../local/machine/progress.ts';
import { clusterDir, kubeConfigPath, nodeName } from '../layout.ts';
import type { Programs } from '../programs.ts';
import { eventually } from '../../../test/support/eventually.ts';
import { makeAccess, writeAccess, type Access } from './access.ts';
import * as args from './arguments.ts';
import { prepareFiles } from './filesystem.ts';
import { makeInside, type Inside } from './inside.ts';
import { linkNode } from './network.ts';

/** A node without anything on it. */
export interface Node {
  readonly inside: Inside;
  readonly kubectl: Kubectl;
}

/** Resolves when the container runtime and the API server answer; the node is not Ready yet. */
export async function startNode(processList: ProcessList, programs: Programs, progress: Progress): Promise<Node> {
  const part = progress.part('node');
  const dir = join(clusterDir, 'node');
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const start = launcher(programs, dir);

  const inside = await makeInside(processList, programs['pause'], join(dir, 'node.log'));
  await linkNode(inside);
  const files = await prepareFiles(inside, dir);
  for (const plugin of ['bridge', 'host-local', 'loopback', 'portmap'] as const) {
    copyFileSync(programs[plugin], join(files.cniBin, plugin));
  }
  part.update('container runtime, etcd, API server');
  start(inside, 'containerd', ['--config', files.containerdConfig]);
  start(inside, 'etcd', args.etcdArguments(dir));
  const access = makeAccess(dir);
  start(inside, 'kube-apiserver', args.apiServerArguments(dir, access));
  const kubectl = await reachApiServer(programs, dir, access);

  part.update('controllers, kubelet, proxy');
  const nodeConfig = join(dir, 'node.kubeconfig');
  writeAccess(dir, nodeConfig, access.nodeToken);
  start(inside, 'kube-controller-manager', args.controllerManagerArguments(dir, access, kubeConfigPath));
  start(inside, 'kube-scheduler', args.schedulerArguments(dir, kubeConfigPath));
  const kubeletConfig = writeConfig(join(dir, 'kubelet.json'), args.kubeletConfig(files.emptyFile));
  start(inside, 'kubelet', args.kubeletArguments(kubeletConfig, nodeConfig));
  const proxyConfig = writeConfig(join(dir, 'kube-proxy.json'), args.proxyConfig(kubeConfigPath));
  start(inside, 'kube-proxy', [`--config=${proxyConfig}`]);
  await eventually('containerd', () => inside.sh('ctr version'), 60);
  part.done('started');
  return { inside, kubectl };
}

/** Waits until pods can be placed on it. */
export async function untilNodeReady(kubectl: Kubectl): Promise<void> {
  await eventually('the node', () => kubectl(['get', 'node', nodeName]), 60);
  await kubectl(['wait', `node/${nodeName}`, '--for=condition=Ready', '--timeout=120s']);
}

type Start = (inside: Inside, name: string, args: readonly string[]) => void;

function launcher(programs: Programs, dir: string): Start {
  return (inside, name, argumentList) =>
    void inside.launch({
      name,
      command: programs[name] ?? name,
      args: argumentList,
      log: join(dir, `${name}.log`),
      // PATH of a login of root: containerd looks for runc in it.
      env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` },
    });
}

async function reachApiServer(programs: Programs, dir: string, access: Access): Promise<Kubectl> {
  const kubectl = kubectlRunner(programs['kubectl'] ?? 'kubectl', kubeConfigPath, clusterDir);
  await eventually(
    'API server',
    () => {
      writeAccess(dir, kubeConfigPath, access.adminToken);
      return kubectl(['get', '--raw', '/readyz']);
    },
    90,
  );
  return kubectl;
}

function writeConfig(path: string, content: object): string {
  writeFileSync(path, JSON.stringify(content, undefined, 2));
  return path;
}
