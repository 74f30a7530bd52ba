/** Makes all images and hands them to the node's container runtime. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Assets } from '../../../local/assets/index.ts';
import type { Progress } from '../../../local/machine/progress.ts';
import { clusterDir } from '../layout.ts';
import type { Programs } from '../programs.ts';
import { writeArchive, type Image } from './archive.ts';
import { getDebian } from './debian.ts';
import { envoyImage, getEnvoy } from './envoy.ts';
import { postgresImages } from './postgres.ts';
import { programImages } from './programs.ts';
import { makeProjectImage } from './project.ts';

const dir = join(clusterDir, 'images');

/** Parts that images are made of. */
export interface ImageParts {
  readonly programs: Programs;
  readonly assets: Assets;
  readonly debian: string;
  readonly envoy: string;
}

/** What must be fetched or made once: the rest takes seconds. */
export async function getImageParts(
  progress: Progress,
  built: { programs: Programs; assets: Assets },
): Promise<ImageParts> {
  return { ...built, debian: await getDebian(progress), envoy: await getEnvoy(progress) };
}

/** Makes the archive, lets the runtime inside the namespaces of `pid` read it, and removes it. */
export async function importImages(progress: Progress, parts: ImageParts, pid: number): Promise<void> {
  const part = progress.part('images');
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
  try {
    part.update('making layers');
    const { debian, programs, envoy, assets } = parts;
    const images: Image[] = [
      ...programImages(dir, programs),
      envoyImage(dir, debian, envoy),
      ...postgresImages(dir, debian, { postgresDir: assets.postgresDir, walg: assets.walg.path }),
      await makeProjectImage(dir, debian),
    ];
    await writeArchive(join(dir, 'archive'), images);
    part.update(`importing ${images.length} images`);
    await importArchive(join(dir, 'archive'), pid);
    part.done(`${images.length} imported`);
  } catch (error) {
    part.failed('not imported');
    throw error;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

async function importArchive(archive: string, pid: number): Promise<void> {
  const script = 'tar -C "$1" -c . | ctr --namespace k8s.io images import - >/dev/null';
  const args = ['--target', String(pid), '--mount', '--net', '--pid', '--', 'sh', '-euc', script, 'sh', archive];
  const child = spawn('nsenter', args, { stdio: ['ignore', 'inherit', 'inherit'] });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`ctr images import ended with exit code ${code}`);
}
