/** Directories of an environment: taken over at the start, given up at the end. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canEnter, databaseAccount, give } from './kubernetes/kubelet/users.ts';
import { currentOwner, endLeftovers, type ProcessList } from './machine/processes.ts';
import type { Progress } from './machine/progress.ts';

/** What an environment writes below its directory. Other things may lie there, too, such as those of tests. */
const entries = [
  'control-plane',
  'environment.json',
  'functions',
  'image',
  'kubeconfig',
  'kubectl-cache',
  'pods',
  'processes.json',
  'storage',
];

/** A crash may have left processes of an earlier environment of this directory; a living one is not touched. */
export async function takeOver(dir: string, progress: Progress): Promise<void> {
  const owner = currentOwner(dir);
  if (owner !== undefined) {
    throw new Error(`an environment already runs in ${dir} (process ${owner.pid}); stop it with Ctrl-C first`);
  }
  const ended = await endLeftovers(dir);
  if (ended.length > 0) progress.say(`    ended what an earlier run had left: ${ended.join(', ')}`);
  for (const entry of entries) rmSync(join(dir, entry), { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
}

/** Directories for what pods and databases need; every user can enter them. */
export interface Files {
  readonly imageDir: string;
  readonly podsDir: string;
  readonly storageDir: string;
  readonly remove: () => void;
}

/** When we are root the databases run as `nobody`, who may not be able to enter the directory of this clone. */
export function chooseFiles(dir: string, processList: ProcessList, progress: Progress): Files {
  const account = databaseAccount();
  const isReachable = canEnter(dir, account);
  const base = isReachable ? dir : mkdtempSync(join(tmpdir(), 'aidboxops-'));
  if (!isReachable) {
    processList.noteDirectory(base);
    chmodSync(base, 0o755);
    progress.say(`    files of pods are in ${base}: the database user cannot enter ${dir}; removed at the end`);
  }
  const files = { imageDir: join(base, 'image'), podsDir: join(base, 'pods'), storageDir: join(base, 'storage') };
  for (const path of Object.values(files)) mkdirSync(path, { recursive: true, mode: 0o755 });
  give(files.storageDir, account);
  return { ...files, remove: () => (isReachable ? undefined : rmSync(base, { recursive: true, force: true })) };
}
