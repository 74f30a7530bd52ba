/** The image of this project, by the steps of its Dockerfile. */
import { execFile } from 'node:child_process';
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { buildFunctions } from '../../build.ts';
import { projectImage, upgradeTag } from '../layout.ts';
import type { Image, ImageConfig } from './archive.ts';
import { debianPath } from './debian.ts';
import { copiedFromBuild, lastStage, type Instruction } from './dockerfile.ts';
import { placeFile } from './programs.ts';

const repository = resolve(import.meta.dirname, '../../..');

/** What is known after some instructions. */
interface Stage {
  readonly workingDir: string;
  readonly user: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Makes the layers below `dir`: Node.js, then what the last stage of the Dockerfile makes on top of it. */
export async function makeProjectImage(dir: string, debian: string): Promise<Image> {
  const nodeLayer = join(dir, 'node');
  const layer = join(dir, 'project');
  rmSync(layer, { recursive: true, force: true });
  mkdirSync(layer, { recursive: true });
  placeFile(nodeProgram(), join(nodeLayer, 'usr/local/bin/node'));

  const place: Place = { dir, layer, source: await build(dir), lower: [nodeLayer, debian] };
  let stage: Stage = { workingDir: '/', user: '0:0', env: { PATH: debianPath } };
  for (const each of lastStage(readFileSync(join(repository, 'Dockerfile'), 'utf8'))) {
    stage = await carryOut(place, stage, each);
  }
  const { name, tag } = projectImage;
  return {
    tags: [`${name}:${tag}`, `${name}:${upgradeTag}`],
    layers: [debian, nodeLayer, layer],
    config: configOf(stage),
  };
}

/** The program that npm brought, as the base image of the Dockerfile has one. */
function nodeProgram(): string {
  return join(dirname(createRequire(import.meta.url).resolve('node/package.json')), 'bin/node');
}

interface Place {
  readonly dir: string;
  readonly layer: string;
  readonly source: string;
  readonly lower: readonly string[];
}

async function carryOut(place: Place, stage: Stage, { name, text }: Instruction): Promise<Stage> {
  switch (name) {
    case 'WORKDIR':
      mkdirSync(join(place.layer, text), { recursive: true });
      return { ...stage, workingDir: text };
    case 'ENV':
      return { ...stage, env: { ...stage.env, ...variables(text) } };
    case 'USER':
      return { ...stage, user: text };
    case 'COPY':
      copy(place, stage, text);
      return stage;
    default:
      await runInside(place, stage, text);
      return stage;
  }
}

function variables(text: string): Record<string, string> {
  return Object.fromEntries(text.split(/\s+/).map((pair) => pair.split('=', 2) as [string, string]));
}

/** Makes what the first stage of the Dockerfile leaves below /src, by the same commands; returns the directory. */
async function build(dir: string): Promise<string> {
  const source = join(dir, 'src');
  await buildFunctions();
  for (const path of globSync('dist/*.cjs', { cwd: repository })) placeFile(join(repository, path), join(source, path));
  const sbom = ['sbom', '--omit=dev', '--sbom-format=cyclonedx'];
  const { stdout } = await promisify(execFile)('npm', sbom, { cwd: repository, maxBuffer: 1 << 26 });
  writeFileSync(join(source, 'sbom.cdx.json'), stdout);
  return source;
}

function copy({ layer, source }: Place, { workingDir }: Stage, text: string): void {
  for (const pattern of copiedFromBuild(text)) {
    const files = globSync(pattern, { cwd: source });
    if (files.length === 0) throw new Error(`COPY ${text}: there is no ${pattern}`);
    for (const file of files) placeFile(join(source, file), join(layer, workingDir, basename(file)));
  }
}

/** In the file system of the image, with an empty network of its own: only the new layer is written to. */
async function runInside({ dir, layer, lower }: Place, stage: Stage, command: string): Promise<void> {
  const [root, work] = [join(dir, 'project-root'), join(dir, 'project-work')];
  for (const path of [root, work]) mkdirSync(path, { recursive: true });
  const script = `
    ip link set lo up
    mount -t overlay overlay -o "lowerdir=$LOWER,upperdir=$UPPER,workdir=$WORK" "$ROOT"
    mount -t proc proc "$ROOT/proc"
    mount --bind /dev "$ROOT/dev"
    exec chroot --userspec="$AS" "$ROOT" /usr/bin/env -i "$@"
  `;
  const pairs = Object.entries(stage.env).map(([key, value]) => `${key}=${value}`);
  const inChroot = [...pairs, 'sh', '-c', `cd ${stage.workingDir} && ${command}`];
  const namespaces = ['--mount', '--net', '--pid', '--fork', '--kill-child', '--propagation=private'];
  await promisify(execFile)('unshare', [...namespaces, 'sh', '-euc', script, 'sh', ...inChroot], {
    env: { ...process.env, LOWER: lower.join(':'), UPPER: layer, WORK: work, ROOT: root, AS: stage.user },
  });
}

function configOf({ workingDir, user, env }: Stage): ImageConfig {
  return {
    Cmd: ['node'],
    WorkingDir: workingDir,
    User: user,
    Env: Object.entries(env).map(([key, value]) => `${key}=${value}`),
  };
}
