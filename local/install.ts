/** Puts definitions and manifests into the API server, as a user would. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Kube } from '../functions/platform/kubernetes/client.ts';
import { collections } from './knative/core/objects.ts';
import { collectionPath, isTrue, type Stored } from './kubernetes/client/objects.ts';
import type { Kubectl } from './machine/kubectl.ts';

/** What is needed to install. */
export interface InstallParts {
  readonly kube: Kube;
  readonly kubectl: Kubectl;
}

const definitionsPath = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const timeoutMs = 30_000;

/** Applies the definitions of Knative's kinds, then each kustomization in order. */
export async function installManifests(
  parts: InstallParts,
  knative: readonly object[],
  kustomizations: readonly string[],
): Promise<void> {
  await installDefinitions(parts.kube, knative);
  for (const kustomization of kustomizations) {
    await parts.kubectl(['apply', '--server-side', '-k', kustomization]);
    await untilEstablished(parts.kube);
  }
}

/** Applies definitions and waits until objects of their kinds can be written. */
export async function installDefinitions(kube: Kube, definitions: readonly object[]): Promise<void> {
  for (const definition of definitions as readonly Stored[]) {
    const options = { fieldManager: 'local-knative', force: true };
    await kube.apply(`${definitionsPath}/${definition.metadata.name}`, definition, options);
  }
  await untilEstablished(kube);
}

/** Kinds of Knative, whose objects say when they are ready. */
const knativeCollections = Object.values(collections)
  .filter(({ apiVersion }) => apiVersion.includes('knative.dev/'))
  .map(({ apiVersion, plural }) => collectionPath(apiVersion, plural));

/**
 * Waits until everything that was installed is ready, because an ApiServerSource sends no events about changes before
 * it was ready.
 */
export async function untilAtWork(kube: Kube): Promise<void> {
  await until(kube, knativeCollections, 'Ready');
}

/** Objects of a kind can only be written when its definition has been taken up. */
async function untilEstablished(kube: Kube): Promise<void> {
  await until(kube, [definitionsPath], 'Established');
}

/** Polls until every object of these collections has the condition. */
async function until(kube: Kube, collections: readonly string[], condition: string): Promise<void> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const pages = await Promise.all(collections.map((path) => kube.list(path)));
    const waiting = pages.flatMap((page) => page.items as readonly Stored[]).filter((one) => !isTrue(one, condition));
    if (waiting.length === 0) return;
    if (performance.now() > end) {
      throw new Error(`not ${condition}: ${waiting.map((one) => one.metadata.name).join(', ')}`);
    }
    await sleep(100);
  }
}
