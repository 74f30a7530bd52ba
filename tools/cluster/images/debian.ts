/** The base of images that need more than one static program: a small Debian. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cacheDirectory } from '../../../local/assets/cache.ts';
import { durationText, type Progress } from '../../../local/machine/progress.ts';

const release = 'bookworm';
/** libstdc++ for Node.js, psql as the official PostgreSQL image has it. */
const packages = 'libstdc++6,postgresql-client-15';

/** PATH of everything based on it. */
export const debianPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Directory with its root file system: from the cache, else made into it. */
export async function getDebian(progress: Progress): Promise<string> {
  const part = progress.part('Debian base');
  const target = join(cacheDirectory(), 'images', `debian-${release}-${packages.replaceAll(/[^a-z0-9]+/g, '-')}`);
  if (existsSync(target)) {
    part.done('cache');
    return target;
  }
  mkdirSync(join(target, '..'), { recursive: true });
  const temporary = mkdtempSync(`${target}-`);
  const begun = performance.now();
  try {
    part.update('debootstrap, usually 1 to 2 min');
    const args = ['--variant=minbase', `--include=${packages}`, release, temporary];
    const environment = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };
    await promisify(execFile)('debootstrap', args, { env: environment, maxBuffer: 1 << 26 });
    for (const path of ['var/cache/apt', 'var/lib/apt/lists', 'usr/share/doc', 'usr/share/man', 'usr/share/locale']) {
      rmSync(join(temporary, path), { recursive: true, force: true });
    }
    // Another set-up may have been faster: its result is as good.
    if (!existsSync(target)) renameSync(temporary, target);
    part.done(`made in ${durationText(performance.now() - begun)}`);
    return target;
  } catch (error) {
    part.failed('debootstrap failed; it needs a Debian mirror');
    throw error;
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}
