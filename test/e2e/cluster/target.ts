/** The cluster with Knative that is tested: ours unless E2E_KUBECONFIG names another one. */
import { getAssets } from '../../../local/assets/index.ts';
import { kubectlRunner } from '../../../local/machine/kubectl.ts';
import { silentProgress } from '../../../local/machine/progress.ts';
import {
  clusterDir,
  kubeConfigPath,
  postgresImage,
  postgresNonRootImage,
  projectImage,
  storageDir,
} from '../../../tools/cluster/layout.ts';
import { namespaceAccess } from '../../support/objects.ts';

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

/** Runs kubectl with the administrator's rights. */
export const run = kubectlRunner(kubectlPath, target.kubeConfig, clusterDir);

export const { kubectl, apply } = namespaceAccess('default', run);

/** Applies one object with the rights of somebody else. */
export async function applyAs(user: string, object: object): Promise<void> {
  await run(['apply', `--as=${user}`, '-f', '-'], JSON.stringify(object));
}
