/** What a kubelet changes on the whole machine: remembered before, put back afterwards. */
import { existsSync, readdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A kubelet sets these when they differ from what it wants. */
const settings = [
  'vm/overcommit_memory',
  'vm/panic_on_oom',
  'kernel/panic',
  'kernel/panic_on_oops',
  'kernel/keys/root_maxkeys',
  'kernel/keys/root_maxbytes',
];

const cgroupRoot = '/sys/fs/cgroup';

/** Writes the present values down. */
export function rememberSettings(path: string): void {
  if (existsSync(path)) return;
  writeFileSync(path, JSON.stringify(Object.fromEntries(settings.flatMap((name) => entry(name)))));
}

/** Puts back what was written down. */
export function restoreSettings(path: string): void {
  if (!existsSync(path)) return;
  const before = JSON.parse(readFileSync(path, 'utf8')) as Record<string, string>;
  for (const [name, value] of Object.entries(before)) {
    if (read(name) !== value) writeFileSync(join('/proc/sys', name), value);
  }
}

function entry(name: string): [string, string][] {
  const value = read(name);
  return value === undefined ? [] : [[name, value]];
}

function read(name: string): string | undefined {
  const path = join('/proc/sys', name);
  return existsSync(path) ? readFileSync(path, 'utf8').trim() : undefined;
}

/** The cgroups of pods, in each hierarchy of version 1 or the one of version 2. */
export function podCgroups(): string[] {
  const hierarchies = ['.', ...readdirSync(cgroupRoot)].map((name) => join(cgroupRoot, name, 'kubepods'));
  return hierarchies.filter(isRealDirectory);
}

/** Removes cgroups without processes, the innermost first. */
export function removeCgroup(path: string): void {
  for (const child of readdirSync(path, { withFileTypes: true })) {
    if (child.isDirectory()) removeCgroup(join(path, child.name));
  }
  rmdirSync(path);
}

function isRealDirectory(path: string): boolean {
  return existsSync(path) && statSync(path).isDirectory();
}
