/** Who runs what in a pod: as in the official image, the database is not root even if the exec user is. */
import { spawnSync } from 'node:child_process';
import { chownSync } from 'node:fs';
import type { Container, Pod } from '../client/objects.ts';

/** A user and group id; undefined stands for the current user. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** The owner of every database: `nobody` when we are root (PostgreSQL refuses to run as root), else ourselves. */
export function databaseAccount(): Account | undefined {
  return process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : undefined;
}

/** Who an exec into this container runs as: what its securityContext says, else the current user. Needs root. */
export function execAccount(pod: Pod, container: Container): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const context = { ...pod.spec.securityContext, ...container.securityContext };
  return context.runAsUser === undefined ? undefined : { uid: context.runAsUser, gid: context.runAsGroup ?? 0 };
}

/** Gives a file to an account. */
export function give(path: string, account: Account | undefined): void {
  if (account !== undefined) chownSync(path, account.uid, account.gid);
}

/** Whether this account can enter the directory, which depends on every directory above it. */
export function canEnter(dir: string, account: Account | undefined): boolean {
  if (account === undefined) return true;
  const tried = spawnSync('/bin/sh', ['-c', 'cd "$1"', 'sh', dir], { ...account, cwd: '/', stdio: 'ignore' });
  return tried.status === 0;
}
