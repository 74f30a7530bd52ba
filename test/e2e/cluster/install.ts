/** Installs, upgrades and uninstalls with the documents' own commands, from copies of the manifests that name an image. */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { clusterDir } from '../../../tools/cluster/layout.ts';
import { runBlock } from '../../support/documents.ts';
import { kubectlPath, target } from './target.ts';

const repository = resolve(import.meta.dirname, '../../..');
const kustomizations = ['eventing', 'eventing/overlays/namespaced', 'eventing/overlays/event-log'];

/** Where the copies are. */
const workDir = join(clusterDir, 'e2e');
let isReady = false;

/** Copies the manifests and names an image in them, as `kustomize edit set image` does. */
export function setImage(image: string): void {
  rmSync(workDir, { recursive: true, force: true });
  mkdirSync(workDir, { recursive: true });
  for (const dir of ['crds', 'eventing']) cpSync(join(repository, dir), join(workDir, dir), { recursive: true });
  const [, newName = '', newTag = ''] = /^(.*):([^:/]+)$/.exec(image) ?? [];
  for (const kustomization of kustomizations) {
    const path = join(workDir, kustomization, 'kustomization.yaml');
    const images = `images:\n  - name: ghcr.io/aidbox/aidboxops\n    newName: ${newName}\n    newTag: ${newTag}\n`;
    writeFileSync(path, `${readFileSync(path, 'utf8')}${images}`);
  }
  isReady = true;
}

/** Runs a block of the documents as it stands, where the copies are. */
export function follow(block: string, more?: string): Promise<string> {
  if (!isReady) setImage(target.projectImage);
  return runBlock(block, { cwd: workDir, kubectlPath, kubeConfigPath: target.kubeConfig, more });
}
