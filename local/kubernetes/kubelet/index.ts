/** The kubelet stand-in: one node, whose pods are processes of this machine. */
import { cpus, totalmem } from 'node:os';
import { kubernetesVersion } from '../../assets/versions.ts';
import { runPods, type NodeParts, type Pods } from './pods.ts';
import { serveKubelet } from './server.ts';

/** A registered node. */
export interface Kubelet {
  readonly port: number;
  readonly pods: Pods;
  stop(): Promise<void>;
}

/** Name of the only node. */
export const nodeName = 'local';

/** Labels of the node; a pod whose nodeSelector asks for others stays Pending. */
export const nodeLabels: Readonly<Record<string, string>> = {
  'kubernetes.io/hostname': nodeName,
  'kubernetes.io/os': 'linux',
};

/** Starts the node's port, registers the node and follows its pods. */
export async function startKubelet(
  parts: Omit<NodeParts, 'nodeName'>,
  certificate: { certPath: string; keyPath: string },
): Promise<Kubelet> {
  const pods = runPods({ ...parts, nodeName });
  const server = await serveKubelet(pods, certificate);
  await registerNode(parts.kube, server.port);
  return {
    port: server.port,
    pods,
    async stop() {
      await pods.stop();
      await server.stop();
    },
  };
}

/** The address and port in the Node's status are where the API server sends exec requests to. */
async function registerNode(kube: NodeParts['kube'], port: number): Promise<void> {
  const path = `/api/v1/nodes/${nodeName}`;
  const identity = { apiVersion: 'v1', kind: 'Node', metadata: { name: nodeName, labels: nodeLabels } };
  const options = { fieldManager: 'local-kubelet', force: true };
  await kube.apply(path, { ...identity, spec: {} }, options);
  const now = `${new Date().toISOString().slice(0, 19)}Z`;
  const capacity = { cpu: String(cpus().length), memory: `${Math.floor(totalmem() / 1024)}Ki`, pods: '110' };
  await kube.apply(
    path,
    {
      ...identity,
      status: {
        addresses: [
          { type: 'InternalIP', address: '127.0.0.1' },
          { type: 'Hostname', address: nodeName },
        ],
        daemonEndpoints: { kubeletEndpoint: { Port: port } },
        capacity,
        allocatable: capacity,
        conditions: [
          {
            type: 'Ready',
            status: 'True',
            reason: 'KubeletReady',
            message: 'kubelet stand-in',
            lastHeartbeatTime: now,
            lastTransitionTime: now,
          },
        ],
        nodeInfo: {
          architecture: process.arch,
          bootID: '',
          containerRuntimeVersion: 'processes://1',
          kernelVersion: '',
          kubeProxyVersion: '',
          kubeletVersion: kubernetesVersion,
          machineID: '',
          operatingSystem: 'linux',
          osImage: '',
          systemUUID: '',
        },
      },
    },
    { ...options, subresource: 'status' },
  );
}
