/** Looks for one planted bug: `planted-run.ts <name>` prints the first seed that breaks an invariant, and which. */
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { plantedBugs, type Patch } from './planted-bugs.ts';

const root = join(import.meta.dirname, '../..');
const bug = plantedBugs.find(({ name }) => name === process.argv[2]);
if (bug === undefined) throw new Error(`no planted bug is called ${process.argv[2]}`);
const applied = new Set<Patch>();

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    const file = url.startsWith('file:') ? relative(root, fileURLToPath(url)) : '';
    const patches = bug.patches.filter((patch) => patch.file === file);
    if (patches.length === 0) return loaded;
    return { ...loaded, source: patches.reduce(plant, readFileSync(join(root, file), 'utf8')) };
  },
});

function plant(source: string, patch: Patch): string {
  const parts = source.split(patch.from);
  if (parts.length !== 2) throw new Error(`${patch.file}: found ${parts.length - 1} times: ${patch.from}`);
  applied.add(patch);
  return parts.join(patch.to);
}

const { run } = await import('./run.ts');
const { createScenario } = await import('./scenario.ts');
if (applied.size !== bug.patches.length) throw new Error('a patched source is not used');
let found: object = { seed: undefined, violations: [] };
for (let seed = 1; seed <= bug.within; seed += 1) {
  const scenario = createScenario(seed);
  // Long quiet times find nothing that short ones do not.
  if (scenario.days > 8) continue;
  const { violations } = await run(scenario);
  if (violations.length === 0) continue;
  found = { seed, violations };
  break;
}
process.stdout.write(JSON.stringify(found));
