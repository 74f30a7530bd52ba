/** Installs CoreDNS and Knative: definitions first, configuration next, then what runs, webhooks last. */
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Kubectl } from '../../../local/machine/kubectl.ts';
import type { Progress } from '../../../local/machine/progress.ts';
import { dnsManifests } from './dns.ts';
import { manifestDirectories, readManifests, type Manifest, type Sources } from './manifests.ts';

const modules = resolve(import.meta.dirname, '../assets/knative-cluster');

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

/** The modules whose sums are in go.sum: what was built and what is installed are of one version. */
async function getSources(): Promise<Sources> {
  const dir = mkdtempSync(join(tmpdir(), 'aidboxops-modules-'));
  try {
    for (const file of ['go.mod', 'go.sum']) cpSync(join(modules, file), join(dir, file));
    const of = (module: string): Promise<string> => sourceOf(dir, module);
    return {
      eventing: await of('eventing'),
      serving: await of('serving'),
      kourier: await of('net-kourier'),
      networking: await of('networking'),
      caching: await of('caching'),
    };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

async function sourceOf(dir: string, name: string): Promise<string> {
  const env = { ...process.env, GOWORK: 'off', GOFLAGS: '-mod=readonly' };
  const args = ['mod', 'download', '-json', `knative.dev/${name}`];
  const { stdout } = await promisify(execFile)('go', args, { cwd: dir, env });
  return (JSON.parse(stdout) as { Dir: string }).Dir;
}
