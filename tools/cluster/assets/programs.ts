/** Programs that are always built: there is no download of them. */
import { showPart, type Progress } from '../../../local/machine/progress.ts';
import { cacheDirectory, cachedPath, intoCache } from '../../../local/assets/cache.ts';
import { goBuild } from '../../../local/assets/go-build.ts';
import { isExecutable } from '../../../local/assets/path.ts';
import { clusterRecipes, type ProgramName } from './recipes.ts';

/** Path of a program: from the cache, else built into it. */
export async function getProgram(progress: Progress, name: ProgramName): Promise<string> {
  const recipe = clusterRecipes[name];
  const path = cachedPath(cacheDirectory(), name, recipe.version, 'go');
  return showPart(progress, name, async (part) =>
    isExecutable(path) ? path : intoCache(path, (temporary) => goBuild(recipe, temporary, part)),
  );
}
