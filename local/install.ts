/** Puts definitions and manifests into the API server, as a user would. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Kube } from '../functions/platform/kube.ts';

/** What is needed to install. */
export interface InstallParts {
  readonly kube: Kube;
  kubectl(args: readonly string[]): Promise<string>;
}

interface Definition {
  readonly metadata: { readonly name: string };
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

const definitionsPath = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const establishTimeoutMs = 20_000;

/** Applies the definitions of Knative's kinds, then each kustomization in order. */
export async function installManifests(
  parts: InstallParts,
  knative: readonly object[],
  kustomizations: readonly string[],
): Promise<void> {
  for (const definition of knative as readonly Definition[]) {
    const options = { fieldManager: 'local-knative', force: true };
    await parts.kube.apply(`${definitionsPath}/${definition.metadata.name}`, definition, options);
  }
  await untilEstablished(parts.kube);
  for (const kustomization of kustomizations) {
    await parts.kubectl(['apply', '--server-side', '-k', kustomization]);
    await untilEstablished(parts.kube);
  }
}

/** Objects of a kind can only be written when its definition has been taken up. */
async function untilEstablished(kube: Kube): Promise<void> {
  const until = performance.now() + establishTimeoutMs;
  for (;;) {
    const waiting = (await kube.list(definitionsPath)).items
      .map((item) => item as Definition)
      .filter(
        (one) => !one.status?.conditions?.some(({ type, status }) => type === 'Established' && status === 'True'),
      );
    if (waiting.length === 0) return;
    if (performance.now() > until) {
      throw new Error(`not established: ${waiting.map((one) => one.metadata.name).join(', ')}`);
    }
    await sleep(100);
  }
}
