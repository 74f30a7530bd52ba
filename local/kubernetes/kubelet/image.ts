/** The "image" of the database pods: PostgreSQL and wal-g in a directory that every user may read and execute. */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
  symlinkSync,
  type Dirent,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** Where the parts of the image are. */
export interface Image {
  readonly dir: string;
  readonly bin: string;
  readonly postgres: string;
}

const everyoneMayExecute = 0o755;
const everyoneMayRead = 0o004;

/** Fills `dir` from an installed PostgreSQL (`bin`, `lib`, `share` below one directory) and a wal-g binary. */
export function makeImage(dir: string, parts: { postgresDir: string; walg: string }): Image {
  const bin = join(dir, 'bin');
  for (const part of ['bin', 'lib', 'share']) linkTree(join(parts.postgresDir, part), join(dir, part));
  restoreSymlinks(parts.postgresDir, dir);
  // A link to a link would point out of the image.
  linkFile(realpathSync(parts.walg), join(bin, 'wal-g'));
  return { dir, bin, postgres: join(bin, 'postgres') };
}

function linkTree(from: string, to: string): void {
  mkdirSync(to, { recursive: true, mode: everyoneMayExecute });
  chmodSync(to, everyoneMayExecute);
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) linkTree(source, target);
    else if (isWanted(entry)) linkFile(source, target);
  }
}

/** Symbolic links come from the list below; static libraries are of no use here. */
function isWanted(entry: Dirent): boolean {
  return entry.isFile() && !entry.name.endsWith('.a');
}

/**
 * A hard link costs nothing; a copy does it across file systems, when the kernel protects the file, and when the
 * original is not for everybody's eyes.
 */
function linkFile(from: string, to: string): void {
  if (existsSync(to)) return;
  if ((statSync(from).mode & everyoneMayRead) === 0 || !tryLink(from, to)) {
    copyFileSync(from, to);
    chmodSync(to, everyoneMayExecute);
  }
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch {
    return false;
  }
}

/** npm packages cannot hold symbolic links: the package lists them, and its install script may not have run. */
function restoreSymlinks(postgresDir: string, dir: string): void {
  const list = join(postgresDir, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  for (const link of links) {
    const target = join(dir, link.target.replace(/^native\//, ''));
    mkdirSync(dirname(target), { recursive: true });
    if (!existsSync(target)) symlinkSync(basename(link.source), target);
  }
}
