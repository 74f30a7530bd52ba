/** The cluster that is tested: ours unless E2E_KUBECONFIG names another one with Knative. */
import { join } from 'node:path';
import { getAssets } from '../../../local/assets/index.ts';
import { kubectlRunner } from '../../../local/machine/kubectl.ts';
import { silentProgress } from '../../../local/machine/progress.ts';
import { objectsIn, type Objects, type Place } from '../../support/objects.ts';
import {
  clusterDir,
  kubeConfigPath,
  postgresImage,
  postgresNonRootImage,
  projectImage,
  storageDir,
} from '../../../tools/cluster/layout.ts';

/** Images and a directory on the node for another cluster; ours has them. */
export const target = {
  kubeConfig: process.env['E2E_KUBECONFIG'] ?? kubeConfigPath,
  projectImage: process.env['E2E_IMAGE'] ?? `${projectImage.name}:${projectImage.tag}`,
  postgresImage: process.env['E2E_POSTGRES_IMAGE'] ?? postgresImage,
  postgresNonRootImage: process.env['E2E_POSTGRES_NONROOT_IMAGE'] ?? postgresNonRootImage,
  storage: process.env['E2E_STORAGE'] ?? storageDir,
} as const;

/** Path of kubectl. */
export const kubectlPath = (await getAssets(silentProgress())).kubectl;

const run = kubectlRunner(kubectlPath, target.kubeConfig, clusterDir);

/** kubectl with the administrator's rights. */
export function kubectl(...args: string[]): Promise<string> {
  return run(args);
}

/** Applies objects. */
export async function apply(...items: object[]): Promise<void> {
  await run(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
}

/** Applies one object with the rights of somebody else. */
export async function applyAs(user: string, object: object): Promise<void> {
  await run(['apply', `--as=${user}`, '-f', '-'], JSON.stringify(object));
}

/** Makes a namespace and gives what can be done in it. */
export async function openNamespace(namespace: string): Promise<Shop> {
  await apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  const place = { namespace, kubectl, apply };
  const close = async (): Promise<void> => {
    await kubectl('delete', 'namespace', namespace, '--wait=false');
  };
  return { ...place, ...objectsIn(place), close };
}

/** A namespace with its objects. */
export interface Shop extends Place, Objects {
  /** Removes it with all that runs in it, so that it takes nothing from what comes later. */
  close(): Promise<void>;
}

/** Where the copies of manifests are that an installation changes. */
export const workDir = join(clusterDir, 'e2e');
