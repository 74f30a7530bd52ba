/** Brings the cluster up, or says that it is. */
import { chmodSync, existsSync, mkdirSync } from 'node:fs';
import { openProcessList } from '../../local/machine/processes.ts';
import { durationText, type Progress } from '../../local/machine/progress.ts';
import { kubectlRunner } from '../../local/machine/kubectl.ts';
import { bringDown, settingsPath } from './down.ts';
import { getImageParts, importImages } from './images/import.ts';
import { installKnative } from './knative/install.ts';
import { clusterDir, kubeConfigPath, storageDir } from './layout.ts';
import { installPackages } from './machine.ts';
import { isLinked } from './node/network.ts';
import { rememberSettings } from './node/kernel.ts';
import { startNode, untilNodeReady } from './node/start.ts';
import { getPrograms } from './programs.ts';

/** Everything is fetched and built before anything is started. */
export async function bringUp(progress: Progress): Promise<void> {
  const begun = performance.now();
  await installPackages(progress);
  const built = await getPrograms(progress);
  if (await isUp(built.programs.kubectl)) {
    progress.say(`already up: export KUBECONFIG=${kubeConfigPath}`);
    return;
  }
  const parts = await getImageParts(progress, built);
  await bringDown(progress);
  if (isLinked()) throw new Error('the cluster of another clone is up on this machine: end it there first');

  mkdirSync(clusterDir, { recursive: true });
  mkdirSync(storageDir);
  chmodSync(storageDir, 0o777);
  rememberSettings(settingsPath);
  const processList = openProcessList(clusterDir);
  try {
    const { inside, kubectl } = await startNode(processList, built.programs, progress);
    await importImages(progress, parts, inside.pid);
    await untilNodeReady(kubectl);
    await installKnative(kubectl, progress);
  } catch (error) {
    progress.say(`its logs are in ${clusterDir}/node; remove it with npm run cluster:down`);
    throw error;
  } finally {
    processList.close();
  }
  progress.say(`up after ${durationText(performance.now() - begun)}: export KUBECONFIG=${kubeConfigPath}`);
}

async function isUp(kubectlPath: string): Promise<boolean> {
  if (!existsSync(kubeConfigPath)) return false;
  const kubectl = kubectlRunner(kubectlPath, kubeConfigPath, clusterDir);
  const wait = [
    '--request-timeout=5s',
    'wait',
    'deployment',
    '-A',
    '--all',
    '--for=condition=Available',
    '--timeout=5s',
  ];
  return kubectl(wait).then(
    () => true,
    () => false,
  );
}
