/** Gets one binary: what the user names, the cache, a release download, a build; in this order. */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Part, Progress } from '../machine/progress.ts';
import { cachedPath, intoCache } from './cache.ts';
import { download, SiteUnreachable } from './download.ts';
import type { goBuild } from './go-build.ts';
import { isExecutable, onPath } from './path.ts';
import { goRecipes, type BinaryName, type Release } from './recipes.ts';
import { messageOf } from '../machine/error-message.ts';

/** What the search depends on; the site is asked at most until it turns out to be unreachable. */
export interface Search {
  readonly env: NodeJS.ProcessEnv;
  readonly cache: string;
  readonly site: string;
  readonly progress: Progress;
  readonly releases: Readonly<Record<BinaryName, Release>>;
  /** Builds a binary into a file. */
  readonly build: typeof goBuild;
  siteIsUnreachable: boolean;
  /** Aborts a build. */
  readonly signal?: AbortSignal | undefined;
}

/** A binary and a word on where it comes from. */
export interface Found {
  readonly path: string;
  readonly from: string;
}

/** Finds or makes a binary; throws a message that says what to install. */
export async function getBinary(search: Search, name: BinaryName): Promise<Found> {
  search.signal?.throwIfAborted();
  const named = namedByUser(search, name) ?? inCache(search, name);
  const part = search.progress.part(name);
  if (named !== undefined) {
    part.done(named.from);
    return named;
  }
  try {
    const made = (await fromRelease(search, name, part)) ?? (await fromBuild(search, name, part));
    part.done(made.from);
    return made;
  } catch (error) {
    part.failed(messageOf(error));
    throw error;
  }
}

function namedByUser({ env }: Search, name: BinaryName): Found | undefined {
  const assets = env['KUBEBUILDER_ASSETS'];
  if (name === 'wal-g') return walgNamedByUser(env);
  if (assets !== undefined && isExecutable(join(assets, name))) {
    return { path: join(assets, name), from: 'KUBEBUILDER_ASSETS' };
  }
  const path = name === 'kubectl' ? onPath(name, env) : undefined;
  return path === undefined ? undefined : { path, from: path };
}

function walgNamedByUser(env: NodeJS.ProcessEnv): Found | undefined {
  const named = env['WALG_BINARY'];
  if (named !== undefined && named !== '') {
    if (!isExecutable(named)) throw new Error(`WALG_BINARY names ${named}, which is not an executable file`);
    return { path: named, from: 'WALG_BINARY' };
  }
  const path = onPath('wal-g', env);
  return path === undefined ? undefined : { path, from: path };
}

function inCache({ cache, releases }: Search, name: BinaryName): Found | undefined {
  const candidates = [
    cachedPath(cache, name, releases[name].version, 'release'),
    cachedPath(cache, name, goRecipes[name].version, 'go'),
  ];
  const path = candidates.find(isExecutable);
  return path === undefined ? undefined : { path, from: 'cache' };
}

/** A failed download is no failure of the set-up: there is another way. */
async function fromRelease(search: Search, name: BinaryName, part: Part): Promise<Found | undefined> {
  if (search.siteIsUnreachable || process.arch !== 'x64') return undefined;
  const release = search.releases[name];
  const from = `release ${release.version}`;
  try {
    const path = cachedPath(search.cache, name, release.version, 'release');
    if (release.members === undefined) {
      await intoCache(path, (temporary) => download(search.site, release, temporary, part));
    } else {
      await fromArchive(search, release, part);
    }
    return { path, from };
  } catch (error) {
    search.siteIsUnreachable ||= error instanceof SiteUnreachable;
    search.progress.say(`    no download of ${name}: ${messageOf(error)}`);
    return undefined;
  }
}

/** One archive holds several binaries: all of them go into the cache. */
async function fromArchive(search: Search, release: Release, part: Part): Promise<void> {
  const archive = join(search.cache, `${release.version}-${process.pid}.tar.gz`);
  const members = release.members ?? [];
  await intoCache(archive, async (temporary) => {
    await download(search.site, release, temporary, part);
    const unpacked = mkdtempSync(join(search.cache, 'unpack-'));
    try {
      await promisify(execFile)('tar', ['-xzf', temporary, '-C', unpacked, '--strip-components=2']);
      for (const member of members) {
        await intoCache(cachedPath(search.cache, member, release.version, 'release'), (target) => {
          renameSync(join(unpacked, member), target);
          return Promise.resolve();
        });
      }
    } finally {
      rmSync(unpacked, { recursive: true, force: true });
    }
  });
  if (existsSync(archive)) rmSync(archive);
}

async function fromBuild(search: Search, name: BinaryName, part: Part): Promise<Found> {
  const { version } = goRecipes[name];
  const target = cachedPath(search.cache, name, version, 'go');
  try {
    const path = await intoCache(target, (temporary) => search.build(goRecipes[name], temporary, part, search.signal));
    return { path, from: `built ${version}` };
  } catch (error) {
    const variable = name === 'wal-g' ? 'WALG_BINARY' : 'KUBEBUILDER_ASSETS';
    const reason = messageOf(error);
    throw new Error(`${reason}\n    (or set ${variable}, or allow downloads from ${search.site})`, { cause: error });
  }
}
