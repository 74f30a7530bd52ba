/** Images without an engine: layers are directories, an image is a list of layers and a configuration. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What runs in a container unless the pod says otherwise. */
export interface ImageConfig {
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly Env?: readonly string[];
  /** Numeric: with a name a kubelet cannot tell that it is not root. */
  readonly User?: string;
  readonly WorkingDir?: string;
}

/** An image to be; its layers are directories, the lowest first. */
export interface Image {
  readonly tags: readonly string[];
  readonly layers: readonly string[];
  readonly config: ImageConfig;
}

/** Writes an archive as `docker save` does, unpacked, into a directory; a layer that several images share is there once. */
export async function writeArchive(dir: string, images: readonly Image[]): Promise<void> {
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
  const digests = new Map<string, string>();
  for (const layer of new Set(images.flatMap((image) => image.layers)))
    digests.set(layer, await writeLayer(dir, layer));
  const manifest = images.map((image) => {
    const layers = image.layers.map((layer) => digests.get(layer) ?? '');
    return { Config: writeConfig(dir, image, layers), RepoTags: image.tags, Layers: layers.map((one) => `${one}.tar`) };
  });
  writeFileSync(join(dir, 'manifest.json'), JSON.stringify(manifest));
}

/** Owners and modes are those of the directory; times are left out, so that the same content has the same digest. */
async function writeLayer(dir: string, layer: string): Promise<string> {
  const temporary = join(dir, 'layer.tar');
  const reproducible = ['--sort=name', '--mtime=@0', '--numeric-owner', '--xattrs'];
  await run('tar', [...reproducible, '-C', layer, '-cf', temporary, '.']);
  const hash = createHash('sha256');
  await pipeline(createReadStream(temporary), hash);
  const digest = hash.digest('hex');
  const path = join(dir, `${digest}.tar`);
  if (!existsSync(path)) renameSync(temporary, path);
  return digest;
}

function writeConfig(dir: string, { config }: Image, layers: readonly string[]): string {
  const text = JSON.stringify({
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    config,
    rootfs: { type: 'layers', diff_ids: layers.map((digest) => `sha256:${digest}`) },
  });
  const name = `${createHash('sha256').update(text).digest('hex')}.json`;
  writeFileSync(join(dir, name), text);
  return name;
}
