/** Programs that are compared: nothing but `node:http`, and a function as it is shipped. */
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { buildFunctions, functionNames } from '../../tools/build.ts';
import { kubeConfigOf } from './fake-api.ts';
import { startProgram, type Program } from './program.ts';

const root = resolve(import.meta.dirname, '../..');
/** Below the repository, so that packages are found. */
const directory = join(root, '.local', 'bench');

/** Builds everything once, code caches included. */
export async function buildVariants(): Promise<void> {
  // V8 would take the cache of another bundle of the same length.
  rmSync(join(directory, 'cache'), { recursive: true, force: true });
  mkdirSync(join(directory, 'cache'), { recursive: true });
  await buildFunctions();
  // Beside their code cache, as in the image.
  for (const name of ['boot', ...functionNames()])
    copyFileSync(join(root, 'dist', `${name}.cjs`), join(directory, `${name}.cjs`));
  for (const name of functionNames()) await makeCodeCache(name);
  writeFileSync(
    join(directory, 'bare.cjs'),
    `require('node:http').createServer((_, response) => response.end()).listen(Number(process.env.PORT));`,
  );
}

export function bare(): Program {
  return { argv: [process.execPath, join(directory, 'bare.cjs')] };
}

/** As in the image. */
export function shipped(name: string, kubeConfig: string): Program {
  return { argv: [process.execPath, join(directory, 'boot.cjs'), name], env: environment(kubeConfig) };
}

/** As the build of the image does. */
async function makeCodeCache(name: string): Promise<void> {
  const { argv, env } = shipped(name, kubeConfigOf({ server: 'https://127.0.0.1:1' }));
  const program = await startProgram({ argv, env: { ...env, MAKE_CODE_CACHE: '1' } });
  const status = await program.send({ id: '1', type: 'build' });
  if (status !== 204) throw new Error(`an event that names no object was answered ${status}`);
  await program.stop();
}

function environment(kubeConfig: string): Record<string, string> {
  // Another bench may be going on.
  const path = join(directory, `kubeconfig-${process.pid}`);
  writeFileSync(path, kubeConfig);
  return { KUBECONFIG: path, NODE_ENV: 'production' };
}
