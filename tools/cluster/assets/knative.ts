/** The sources of Knative: the definitions of its kinds, and the manifests that install it. */
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { onPath } from '../../../local/assets/path.ts';

const modules = join(import.meta.dirname, 'knative-cluster');

/** Returns the directory of a module's sources. Its version and sum are those of go.mod and go.sum, as of what is built. */
export async function getKnativeSources(name: string): Promise<string> {
  if (onPath('go') === undefined) throw new Error('install Go ≥ 1.24 to get the sources of Knative');
  const dir = mkdtempSync(join(tmpdir(), 'aidboxops-modules-'));
  try {
    for (const file of ['go.mod', 'go.sum']) cpSync(join(modules, file), join(dir, file));
    const env = { ...process.env, GOWORK: 'off', GOFLAGS: '-mod=readonly' };
    const args = ['mod', 'download', '-json', `knative.dev/${name}`];
    const { stdout } = await promisify(execFile)('go', args, { cwd: dir, env });
    return (JSON.parse(stdout) as { Dir: string }).Dir;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
