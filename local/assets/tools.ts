/** Tools that only tests need: shellcheck and busybox. */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cacheDirectory } from './cache.ts';
import { isExecutable, onPath } from './path.ts';

/** A tool, and where its Debian package puts it. */
const tools = {
  shellcheck: { package: 'shellcheck', paths: ['usr/bin/shellcheck'] },
  busybox: { package: 'busybox', paths: ['bin/busybox', 'usr/bin/busybox'] },
} as const;

/** Name of a tool. */
export type ToolName = keyof typeof tools;

const run = promisify(execFile);

/** Path of a tool: on PATH, in the cache, or out of its Debian package (not installed, only unpacked). */
export async function getTool(name: ToolName): Promise<string> {
  const found = onPath(name) ?? inDirectory(name, unpackedDirectory(name));
  if (found !== undefined) return found;
  try {
    return await unpackPackage(name);
  } catch (error) {
    const detail = error instanceof Error ? error.message.split('\n')[0] : String(error);
    throw new Error(`${name} is missing (${detail}); install it: apt-get install ${tools[name].package}`);
  }
}

function unpackedDirectory(name: ToolName): string {
  return join(cacheDirectory(), 'tools', name);
}

function inDirectory(name: ToolName, dir: string): string | undefined {
  return tools[name].paths.map((path) => join(dir, path)).find(isExecutable);
}

async function unpackPackage(name: ToolName): Promise<string> {
  const target = unpackedDirectory(name);
  mkdirSync(join(target, '..'), { recursive: true });
  const temporary = mkdtempSync(`${target}-`);
  try {
    await downloadPackage(tools[name].package, temporary);
    const archive = readdirSync(temporary).find((file) => file.endsWith('.deb')) ?? '';
    await run('dpkg-deb', ['-x', join(temporary, archive), join(temporary, 'unpacked')]);
    // Another set-up may have been faster: its result is as good.
    if (!existsSync(target)) renameSync(join(temporary, 'unpacked'), target);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
  const path = inDirectory(name, target);
  if (path === undefined) throw new Error(`package ${tools[name].package} has no ${name}`);
  return path;
}

/** Package lists may be missing in a bare container; refreshing them needs root. */
async function downloadPackage(name: string, dir: string): Promise<void> {
  try {
    await run('apt-get', ['download', name], { cwd: dir });
  } catch (error) {
    if (process.getuid?.() !== 0) throw error;
    await run('apt-get', ['update']);
    await run('apt-get', ['download', name], { cwd: dir });
  }
}
