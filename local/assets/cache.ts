/** The cache of binaries: one file each, named by what it is and how we got it; shared by all clones of a user. */
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where binaries are kept between runs. */
export function cacheDirectory(env: NodeJS.ProcessEnv = process.env): string {
  const base = env['XDG_CACHE_HOME'] ?? '';
  return join(base === '' ? join(homedir(), '.cache') : base, 'aidboxops');
}

/** Path of a cached binary; `how` keeps a release and a build of the same version apart. */
export function cachedPath(cache: string, name: string, version: string, how: 'go' | 'release'): string {
  return join(cache, 'bin', `${name}-${version}-linux-${process.arch}-${how}`);
}

/**
 * Makes a file under a temporary name and renames it when it is complete: two set-ups at the same time do the work
 * twice, but none of them ever sees half a file.
 */
export async function intoCache(path: string, make: (temporary: string) => Promise<void>): Promise<string> {
  mkdirSync(join(path, '..'), { recursive: true });
  const temporary = `${path}.${randomBytes(4).toString('hex')}.part`;
  try {
    await make(temporary);
    chmodSync(temporary, 0o755);
    renameSync(temporary, path);
    return path;
  } finally {
    if (existsSync(temporary)) rmSync(temporary, { force: true });
  }
}
