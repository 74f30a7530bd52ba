/** What tests need on this machine: binaries, tools and bundles. */
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { getAssets, getTool } from '../local/assets/index.ts';
import { showPart, type Progress } from '../local/machine/progress.ts';
import { buildFunctions } from './build.ts';
import { getProgram } from './cluster/assets/programs.ts';
import { root } from './program.ts';
import type { Need } from './suites.ts';

/** Returns an environment whose variables lead tests to everything, so that none sets anything up again. */
export async function setUp(progress: Progress, needs: readonly Need[]): Promise<NodeJS.ProcessEnv> {
  const assets = needs.includes('binaries') ? await getAssets(progress) : undefined;
  const tools = needs.includes('tools') ? await getTools(progress) : {};
  if (needs.includes('adapters')) {
    await getProgram(progress, 'apiserver_receive_adapter');
    await getProgram(progress, 'mtping');
  }
  if (needs.includes('bundles')) await showPart(progress, 'bundles', buildFunctions);
  if (assets === undefined) return process.env;
  const { kubeApiserver, etcd, kubectl, walg } = assets;
  const bin = linkAll({ 'kube-apiserver': kubeApiserver, etcd, kubectl, ...tools });
  return {
    ...process.env,
    KUBEBUILDER_ASSETS: bin,
    WALG_BINARY: walg.path,
    PATH: `${process.env['PATH'] ?? ''}${delimiter}${bin}`,
  };
}

function getTools(progress: Progress): Promise<Record<string, string>> {
  return showPart(progress, 'tools', async () => ({
    shellcheck: await getTool('shellcheck'),
    busybox: await getTool('busybox'),
  }));
}

/** One directory with everything by its plain name. */
function linkAll(programs: Readonly<Record<string, string>>): string {
  const bin = join(root, '.local', 'test-bin');
  rmSync(bin, { recursive: true, force: true });
  mkdirSync(bin, { recursive: true });
  for (const [name, path] of Object.entries(programs)) symlinkSync(path, join(bin, name));
  return bin;
}
