/** Small file systems of their own: what is full or read-only must be so for the kernel, not for the look of it. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { isRoot, owner } from './pod.ts';

/** An empty file system in memory over `dir`, which is the owner's; call the result to take it away. */
export function mountMemory(dir: string, kibibytes: number, more: 'rw' | 'ro' = 'rw'): () => void {
  const options = `size=${kibibytes}k,mode=0755,uid=${owner.uid},gid=${owner.gid},${more}`;
  mount('-t', 'tmpfs', '-o', options, 'tmpfs', dir);
  return () => unmount(dir);
}

/** What is in `dir` stays readable and can be changed no more; call the result to end that. */
export function makeReadOnly(dir: string): () => void {
  mount('--bind', dir, dir);
  mount('-o', 'remount,bind,ro', dir);
  return () => unmount(dir);
}

function mount(...args: string[]): void {
  assert.ok(isRoot, 'this test mounts file systems: run it as root');
  execFileSync('mount', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

function unmount(dir: string): void {
  execFileSync('umount', [dir], { stdio: ['ignore', 'ignore', 'pipe'] });
}
