/** Images of one static program each: Knative, CoreDNS, the pause image. */
import { chmodSync, copyFileSync, linkSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { knativePackages } from '../assets/recipes.ts';
import { imagePrefix, pauseImage } from '../layout.ts';
import type { Programs } from '../programs.ts';
import type { Image } from './archive.ts';

/** User of images that need none. */
const nonRoot = 65_532;

/** Go package by program; `ko://` references to it in Knative's manifests become the program's image. */
export const knativeImages: Readonly<Record<string, string>> = {
  apiserver_receive_adapter: 'knative.dev/eventing/cmd/apiserver_receive_adapter',
  mtping: 'knative.dev/eventing/cmd/mtping',
  ...Object.fromEntries(
    Object.entries(knativePackages).filter(([, goPackage]) => goPackage.startsWith('knative.dev/')),
  ),
};

/** Tag of the image of a program; never `latest`, which a kubelet would want to pull. */
export function programImage(name: string): string {
  return `${imagePrefix}/${name.replaceAll('_', '-')}:1`;
}

/** Makes the layers below `dir`. */
export function programImages(dir: string, programs: Programs): Image[] {
  const base = makeStaticBase(join(dir, 'static'));
  const names = [...Object.keys(knativeImages), 'coredns'];
  return [
    ...names.map((name) => programImageOf(dir, base, { name, program: programs[name] ?? '' })),
    { ...programImageOf(dir, base, { name: 'pause', program: programs['pause'] }), tags: [pauseImage] },
  ];
}

function programImageOf(dir: string, base: string, { name, program }: { name: string; program: string }): Image {
  const layer = join(dir, name);
  placeFile(program, join(layer, 'program', name));
  return {
    tags: [programImage(name)],
    layers: [base, layer],
    config: {
      Entrypoint: [`/program/${name}`],
      Env: ['PATH=/program', 'KO_DATA_PATH=/var/run/ko'],
      User: `${nonRoot}:${nonRoot}`,
    },
  };
}

function makeStaticBase(layer: string): string {
  for (const path of ['etc', 'tmp', 'var/run/ko']) mkdirSync(join(layer, path), { recursive: true });
  chmodSync(join(layer, 'tmp'), 0o1777);
  writeFileSync(join(layer, 'etc/passwd'), `root:x:0:0:root:/:/none\nnonroot:x:${nonRoot}:${nonRoot}::/tmp:/none\n`);
  writeFileSync(join(layer, 'etc/group'), `root:x:0:\nnonroot:x:${nonRoot}:\n`);
  return layer;
}

/** A hard link where that is possible: these files are large. */
export function placeFile(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  try {
    linkSync(from, to);
  } catch {
    copyFileSync(from, to);
  }
}
