/** Finds the wal-g that tests and the local environment use. */
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
