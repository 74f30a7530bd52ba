/** All programs of the cluster: found, or built with `go`. */
import { getAssets, type Assets } from '../../local/assets/index.ts';
import { getProgram } from './assets/programs.ts';
import { clusterRecipes, type ProgramName } from './assets/recipes.ts';
import type { Progress } from '../../local/machine/progress.ts';

type Name = ProgramName | 'kube-apiserver' | 'etcd' | 'kubectl';

/** Path of each program by its name; others are on PATH. */
export type Programs = Readonly<Record<Name, string>> & Readonly<Record<string, string | undefined>>;

/** Gets them one after the other, with progress. */
export async function getPrograms(progress: Progress): Promise<{ programs: Programs; assets: Assets }> {
  const assets = await getAssets(progress);
  const built: Record<string, string> = {};
  for (const name of Object.keys(clusterRecipes) as ProgramName[]) {
    built[name] = await getProgram(progress, name);
  }
  const { kubeApiserver, etcd, kubectl } = assets;
  const programs = { ...built, 'kube-apiserver': kubeApiserver, etcd, kubectl };
  return { programs: programs as unknown as Programs, assets };
}
