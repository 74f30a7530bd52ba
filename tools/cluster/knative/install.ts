/** Installs CoreDNS and Knative: definitions first, configuration next, then what runs, webhooks last. */
import type { Kubectl } from '../../../local/machine/kubectl.ts';
import type { Progress } from '../../../local/machine/progress.ts';
import { getKnativeSources } from '../assets/knative.ts';
import { dnsManifests } from './dns.ts';
import { manifestDirectories, readManifests, type Manifest, type Sources } from './manifests.ts';

/** Resolves when every Deployment is available. */
export async function installKnative(kubectl: Kubectl, progress: Progress): Promise<void> {
  const part = progress.part('Knative');
  try {
    const manifests = readManifests(manifestDirectories(await getSources()));
    for (const [index, objects] of phases(manifests).entries()) {
      part.update(`applying, step ${index + 1}`);
      await apply(kubectl, objects);
      if (index === 0) await kubectl(['wait', 'crd', '--all', '--for=condition=Established', '--timeout=60s']);
    }
    part.update('waiting for its Deployments');
    await kubectl(['wait', 'deployment', '-A', '--all', '--for=condition=Available', '--timeout=300s']);
    part.done('available');
  } catch (error) {
    part.failed('not installed');
    throw error;
  }
}

/** Objects whose kind is defined, or which are checked, by what comes earlier. */
function phases(manifests: readonly Manifest[]): object[][] {
  const definitions = new Set(['Namespace', 'CustomResourceDefinition']);
  const webhooks = new Set(['ValidatingWebhookConfiguration', 'MutatingWebhookConfiguration']);
  const rest = manifests.filter(({ kind }) => !definitions.has(kind) && !webhooks.has(kind));
  return [
    manifests.filter(({ kind }) => definitions.has(kind)),
    [...dnsManifests(), ...rest.filter(({ kind }) => kind !== 'Deployment')],
    rest.filter(({ kind }) => kind === 'Deployment'),
    manifests.filter(({ kind }) => webhooks.has(kind)),
  ];
}

async function apply(kubectl: Kubectl, items: readonly object[]): Promise<void> {
  const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
  await kubectl(['apply', '--server-side', '--force-conflicts', '-f', '-'], list);
}

async function getSources(): Promise<Sources> {
  return {
    eventing: await getKnativeSources('eventing'),
    serving: await getKnativeSources('serving'),
    kourier: await getKnativeSources('net-kourier'),
    networking: await getKnativeSources('networking'),
    caching: await getKnativeSources('caching'),
  };
}
