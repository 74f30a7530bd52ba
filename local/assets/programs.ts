/** Programs that are always built: there is no download of them. */
import type { Progress } from '../machine/progress.ts';
import { cacheDirectory, cachedPath, intoCache } from './cache.ts';
import { goBuild } from './go-build.ts';
import { isExecutable } from './path.ts';
import { goRecipes, type ProgramName } from './recipes.ts';

/** Path of a program: from the cache, else built into it. */
export async function getProgram(progress: Progress, name: ProgramName): Promise<string> {
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
