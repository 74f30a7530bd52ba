/** Looks for one planted bug: `planted-run.ts <name>` prints the first seed that breaks one of its invariants, and how. */
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { plantedBugs, type Patch, type PlantedBug } from './planted-bugs.ts';
import type { Violation } from './world.ts';

/** What is printed. */
export interface Found {
  /** Absent when nothing was found. */
  readonly seed?: number;
  /** How many seeds were run. */
  readonly runs: number;
  readonly violations: readonly Violation[];
}

const root = join(import.meta.dirname, '../..');
const bug = plantedBugs.find(({ name }) => name === process.argv[2]);
if (bug === undefined) throw new Error(`no planted bug is called ${process.argv[2]}`);
process.stdout.write(JSON.stringify(await search(bug, plantAll(bug))));

/** Patches the sources as they are loaded from now on; returns the patches that were. */
function plantAll({ patches }: PlantedBug): ReadonlySet<Patch> {
  const applied = new Set<Patch>();
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      const file = url.startsWith('file:') ? relative(root, fileURLToPath(url)) : '';
      const own = patches.filter((patch) => patch.file === file);
      if (own.length === 0) return loaded;
      for (const patch of own) applied.add(patch);
      return { ...loaded, source: own.reduce(plant, readFileSync(join(root, file), 'utf8')) };
    },
  });
  return applied;
}

function plant(source: string, patch: Patch): string {
  const parts = source.split(patch.from);
  if (parts.length !== 2) throw new Error(`${patch.file}: found ${parts.length - 1} times: ${patch.from}`);
  return parts.join(patch.to);
}

/** The seed that found it last comes first: the search is short as long as nothing else has changed. */
async function search(
  { breaks, patches, seed: last, within }: PlantedBug,
  applied: ReadonlySet<Patch>,
): Promise<Found> {
  const { run } = await import('./run.ts');
  const { createScenario } = await import('./scenario.ts');
  if (applied.size !== patches.length) throw new Error('a patched source is not used');
  let runs = 0;
  for (const seed of [last, ...Array.from({ length: within }, (_, at) => at + 1)]) {
    const scenario = createScenario(seed);
    // Long quiet times find nothing that short ones do not.
    if (scenario.days > 8 && seed !== last) continue;
    runs += 1;
    const { violations } = await run(scenario);
    // A bug that makes a function throw would be found by anything.
    const broken = violations.filter(({ invariant, text }) => breaks.includes(invariant) && !text.includes(' throws '));
    if (broken.length > 0) return { seed, runs, violations: broken };
  }
  return { runs, violations: [] };
}
