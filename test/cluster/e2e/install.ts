/** Installs, upgrades and uninstalls with the documented commands. */
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { documentBlock } from '../../support/documents.ts';
import { kubectlPath, target, workDir } from './target.ts';

const repository = resolve(import.meta.dirname, '../../..');
const kustomizations = ['eventing', 'eventing/overlays/namespaced', 'eventing/overlays/event-log'];

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
}

/** Runs a block of the documents as it stands, where the copies are. */
export async function follow(block: string, environment: Readonly<Record<string, string>> = {}): Promise<string> {
  const { stdout } = await promisify(execFile)('sh', ['-euc', documentBlock(block)], {
    cwd: workDir,
    env: {
      ...process.env,
      KUBECONFIG: target.kubeConfig,
      PATH: `${dirname(kubectlPath)}:${process.env['PATH'] ?? ''}`,
      ...environment,
    },
    maxBuffer: 1 << 26,
  });
  return stdout;
}
