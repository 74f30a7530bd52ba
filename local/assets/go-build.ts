/** Builds a binary from its Go module with the go.mod and go.sum of its recipe. */
import { execFile, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import type { Part } from '../machine/progress.ts';
import { onPath } from './path.ts';
import type { GoRecipe } from './go-recipe.ts';

/** What is missing to build this binary here; undefined when nothing is. */
function missingToBuild({ cgo }: GoRecipe): string | undefined {
  if (onPath('go') === undefined) return 'Go ≥ 1.24';
  return cgo && onPath('gcc') === undefined ? 'gcc' : undefined;
}

/** Runs `go build`; the result depends on the sources only (no paths, no build ids, no version control stamps). */
export async function goBuild(recipe: GoRecipe, target: string, part: Part, signal?: AbortSignal): Promise<void> {
  const missing = missingToBuild(recipe);
  if (missing !== undefined) throw new Error(`install ${missing} to build it`);
  // Beside a package.json and other modules `go` could pick up a workspace: it gets a directory of its own.
  const dir = mkdtempSync(join(tmpdir(), 'aidboxops-build-'));
  try {
    cpSync(recipe.folder, dir, { recursive: true });
    const env = buildEnvironment(recipe);
    part.update(`building with go, usually ${recipe.usual}`);
    await runAndCount(['mod', 'download'], { dir, env, signal }, (count) =>
      part.update(`downloading modules, ${count} so far`),
    );
    const total = await countPackages(recipe, dir, env);
    const flags = [
      '-v',
      '-trimpath',
      '-buildvcs=false',
      '-ldflags',
      ['-s', '-w', '-buildid=', ...recipe.linkerFlags].join(' '),
    ];
    await runAndCount(['build', ...flags, '-o', target, recipe.package], { dir, env, signal }, (count) =>
      part.update(`built ${count} of up to ${total}, usually ${recipe.usual}`),
    );
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function buildEnvironment(recipe: GoRecipe): NodeJS.ProcessEnv {
  return {
    ...process.env,
    CGO_ENABLED: recipe.cgo ? '1' : '0',
    GOFLAGS: '-mod=readonly',
    GOWORK: 'off',
    // This version of wal-g is not in the checksum database; the committed go.sum pins it.
    GONOSUMDB: 'github.com/wal-g/wal-g',
  };
}

async function countPackages(recipe: GoRecipe, dir: string, env: NodeJS.ProcessEnv): Promise<number> {
  const { stdout } = await promisify(execFile)('go', ['list', '-deps', recipe.package], {
    cwd: dir,
    env,
    maxBuffer: 16 * 1024 * 1024,
  });
  return stdout.trim().split('\n').length;
}

/** Every line that go prints is one module or one package; the last ones explain a failure. */
function runAndCount(
  args: readonly string[],
  where: { dir: string; env: NodeJS.ProcessEnv; signal: AbortSignal | undefined },
  progressed: (count: number) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('go', args, {
      cwd: where.dir,
      env: where.env,
      stdio: ['ignore', 'ignore', 'pipe'],
      ...(where.signal === undefined ? {} : { signal: where.signal }),
    });
    const lines: string[] = [];
    createInterface({ input: child.stderr }).on('line', (text) => {
      lines.push(text);
      progressed(lines.length);
    });
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`go ${args[0]} ended with exit code ${code}:\n${lines.slice(-15).join('\n')}`));
    });
  });
}
