/** Finds the wal-g that tests use, and tells in what it differs where a test must know. */
import { execFileSync } from 'node:child_process';
import { access, constants, readdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

/** Path of an executable wal-g: WALG_BINARY, else the PATH, else the newest name in the cache of this project. */
export async function walgBinary(): Promise<string> {
  const named = process.env.WALG_BINARY;
  const onPath = (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, 'wal-g'));
  for (const file of [...(named === undefined ? [] : [named]), ...onPath, ...(await cached())]) {
    if (await isExecutable(file)) return file;
  }
  throw new Error(`no wal-g: set WALG_BINARY, or put one on the PATH or into ${cacheFolder()}`);
}

/** Lists how the calls of a probe begin with this wal-g. The usage of `st` tells, as it tells the runner. */
export function probeCalls(walg: string): readonly string[] {
  // It reads the home directory and the user before it prints anything.
  const env = { ...process.env, HOME: '/', USER: 'root' };
  const usage = execFileSync(walg, ['st', '--help'], { encoding: 'utf8', env });
  return usage.includes(' check ') ? ['st check read', 'st check write'] : ['st ls', 'st put ', 'st rm '];
}

function cacheFolder(): string {
  return join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'aidboxops', 'bin');
}

async function cached(): Promise<string[]> {
  const names = await readdir(cacheFolder()).catch(() => []);
  return names
    .filter((name) => name.startsWith('wal-g'))
    .sort()
    .reverse()
    .map((name) => join(cacheFolder(), name));
}

async function isExecutable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}
