/** Knative itself, for the tests that hold the stand-ins against it: its adapters, and the definitions of its kinds. */
import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { promisify } from 'node:util';
import type { Progress } from '../progress.ts';
import { cacheDirectory, cachedPath, intoCache } from './cache.ts';
import { goBuild } from './go-build.ts';
import { isExecutable, onPath } from './path.ts';
import { goRecipes, knativeVersion, type AdapterName } from './recipes.ts';

/** Path of an adapter: from the cache, else built into it. */
export async function getAdapter(progress: Progress, name: AdapterName): Promise<string> {
  const path = cachedPath(cacheDirectory(), name, goRecipes[name].version, 'go');
  const part = progress.part(name);
  if (!isExecutable(path)) {
    try {
      await intoCache(path, (temporary) => goBuild(name, temporary, part));
    } catch (error) {
      part.failed(error instanceof Error ? error.message : String(error));
      throw error;
    }
  }
  part.done('ready');
  return path;
}

/** What `go mod download` has to bring: a module proxy could serve anything. */
const sums = {
  eventing: 'h1:+9oi64QI1U8T1b7Hz6UFla1HA/SKoln/MPdEI2QeUJc=',
  serving: 'h1:CdPvTytMt1wGoKI9hsM5QU1bolUIwkhBGbGojx2l4f4=',
} as const;

interface Downloaded {
  readonly Dir: string;
  readonly Sum: string;
}

/** Directory with the sources of a module of Knative, which hold the definitions that Knative installs. */
export async function getKnativeSources(name: keyof typeof sums): Promise<string> {
  if (onPath('go') === undefined) throw new Error('install Go ≥ 1.24 to get the sources of Knative');
  const module = `knative.dev/${name}@${knativeVersion}`;
  const { stdout } = await promisify(execFile)('go', ['mod', 'download', '-json', module], {
    // Within a module, what is downloaded would have to be among its requirements.
    cwd: tmpdir(),
    env: { ...process.env, GOWORK: 'off', GOFLAGS: '' },
  });
  const { Dir, Sum } = JSON.parse(stdout) as Downloaded;
  if (Sum !== sums[name]) throw new Error(`${module} has the sum ${Sum}, expected ${sums[name]}`);
  return Dir;
}
