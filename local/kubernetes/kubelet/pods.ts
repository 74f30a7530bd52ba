/** Pods of the node: brings their containers up, reports their status, ends them when they are deleted. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Kube } from '../../../functions/platform/kubernetes/client.ts';
import type { ApiClient } from '../client/api-client.ts';
import { startInformer } from '../client/informer.ts';
import { keyOf, type Container, type Pod } from '../client/objects.ts';
import { createWorkQueue } from '../client/work-queue.ts';
import type { ProcessList } from '../../machine/processes.ts';
import { containerEnvironment } from './container-environment.ts';
import { runContainer, type RunningContainer } from './container.ts';
import type { Image } from './image.ts';
import { mountsOf } from './paths.ts';
import { podStatus } from './pod-status.ts';
import { databaseAccount } from './users.ts';
import { workloadOf } from './workload.ts';

/** What the node works with. */
export interface NodeParts {
  readonly nodeName: string;
  readonly kube: Kube;
  readonly api: ApiClient;
  readonly processList: ProcessList;
  readonly image: Image;
  /** Files of pods and volumes; every user can enter it. */
  readonly podsDir: string;
  /** Takes the message of a failure; the work is tried again. */
  readonly failed: (message: string) => void;
}

/** A pod with its containers. */
export interface RunningPod {
  readonly pod: Pod;
  readonly containers: readonly RunningContainer[];
}

/** The pods that this node runs. */
export interface Pods {
  /** By `namespace/name`. */
  get(key: string): RunningPod | undefined;
  all(): RunningPod[];
  stop(): Promise<void>;
}

/** Watches the pods that are bound to the node. */
export function runPods(parts: NodeParts): Pods {
  const running = new Map<string, RunningPod>();
  const reported = new Map<string, string>();
  const queue = createWorkQueue(reconcile, parts.failed);
  const pods = startInformer<Pod>(parts.api, {
    path: '/api/v1/pods',
    selection: { fieldSelector: `spec.nodeName=${parts.nodeName}` },
    changed: ({ object }) => queue.add(keyOf(object)),
  });

  async function reconcile(key: string): Promise<void> {
    const pod = pods.get(key);
    const current = running.get(key);
    const isOther = current !== undefined && current.pod.metadata.uid !== pod?.metadata.uid;
    if (current !== undefined && (isOther || pod?.metadata.deletionTimestamp !== undefined)) await end(key, current);
    if (pod === undefined) return;
    if (pod.metadata.deletionTimestamp !== undefined) return confirmDeletion(pod);
    if (!running.has(key)) running.set(key, start(key, pod));
    await report(key, pod);
  }

  function start(key: string, pod: Pod): RunningPod {
    return { pod, containers: pod.spec.containers.map((container) => startContainer(key, pod, container)) };
  }

  function startContainer(key: string, pod: Pod, container: Container): RunningContainer {
    const namespaceDir = join(parts.podsDir, pod.metadata.namespace ?? 'default');
    const podDir = podDirOf(parts, pod);
    const mounts = mountsOf(pod, container, { namespaceDir, podDir });
    return runContainer({
      name: `${key}/${container.name}`,
      container,
      mounts,
      workload: workloadOf(container, { image: parts.image, mounts, account: databaseAccount() }),
      dir: join(podDir, container.name),
      processList: parts.processList,
      environment: (containerId, port) =>
        containerEnvironment(pod, container, {
          imageBin: parts.image.bin,
          containerId,
          mounts,
          port,
          secret: (name, secretKey) => readSecret(parts.kube, `${pod.metadata.namespace}`, name, secretKey),
        }),
      changed: () => queue.add(key),
    });
  }

  /** Writes only what differs from what was written last: a quiet pod writes nothing. */
  async function report(key: string, pod: Pod): Promise<void> {
    const current = running.get(key);
    if (current === undefined) return;
    const states = JSON.stringify(current.containers.map((one) => one.state()));
    if (reported.get(key) === `${pod.metadata.uid} ${states}`) return;
    const { name, namespace } = pod.metadata;
    const status = podStatus(pod, current.containers, `${new Date().toISOString().slice(0, 19)}Z`);
    await parts.kube.apply(
      `/api/v1/namespaces/${namespace}/pods/${name}`,
      { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace, uid: pod.metadata.uid }, status },
      { fieldManager: 'local-kubelet', force: true, subresource: 'status' },
    );
    reported.set(key, `${pod.metadata.uid} ${states}`);
  }

  async function end(key: string, pod: RunningPod): Promise<void> {
    await Promise.all(pod.containers.map((one) => one.stop()));
    running.delete(key);
    reported.delete(key);
    rmSync(join(podDirOf(parts, pod.pod), 'volumes'), { recursive: true, force: true });
  }

  async function confirmDeletion(pod: Pod): Promise<void> {
    const { namespace, name, uid } = pod.metadata;
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', gracePeriodSeconds: 0, preconditions: { uid } };
    const answer = await parts.api.send({
      method: 'DELETE',
      path: `/api/v1/namespaces/${namespace}/pods/${name}`,
      body,
    });
    if (![200, 404, 409].includes(answer.status)) throw new Error(`deletion was answered with ${answer.status}`);
  }

  return {
    get: (key) => running.get(key),
    all: () => [...running.values()],
    async stop() {
      pods.stop();
      await queue.stop();
      await Promise.all([...running].map(([key, pod]) => end(key, pod)));
    },
  };
}

function podDirOf(parts: NodeParts, pod: Pod): string {
  return join(
    parts.podsDir,
    pod.metadata.namespace ?? 'default',
    `${pod.metadata.name}-${pod.metadata.uid.slice(0, 8)}`,
  );
}

async function readSecret(kube: Kube, namespace: string, name: string, key: string): Promise<string | undefined> {
  const secret = (await kube.get(`/api/v1/namespaces/${namespace}/secrets/${name}`)) as
    { data?: Record<string, string> } | undefined;
  const value = secret?.data?.[key];
  if (value === undefined) throw new Error(`secret "${name}" has no key "${key}"`);
  return Buffer.from(value, 'base64').toString('utf8');
}
