/**
 * A module for each test file, with the instrumented sources in it: it exports its tests instead of running them, so that
 * one process can try many mutants.
 */
import { readFileSync, symlinkSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { build, type Plugin } from 'esbuild';

/** Writes the modules into `target`, which is outside of the work tree; returns module by test file. */
export async function bundleTests(
  root: string,
  { tests, sources, target }: { tests: readonly string[]; sources: ReadonlyMap<string, string>; target: string },
): Promise<ReadonlyMap<string, string>> {
  symlinkSync(join(root, 'node_modules'), join(target, 'node_modules'));
  const modules = new Map(tests.map((test) => [test, join(target, `${test.replaceAll('/', '-')}.mjs`)]));
  await Promise.all(
    [...modules].map(([test, outfile]) =>
      build({
        absWorkingDir: root,
        stdin: {
          contents: `export { collected } from './tools/mutation/collect.ts';\nimport './${test}';`,
          resolveDir: root,
        },
        outfile,
        bundle: true,
        packages: 'external',
        alias: { 'node:test': join(root, 'tools/mutation/collect.ts') },
        platform: 'node',
        format: 'esm',
        target: 'node24',
        loader: { '.sh': 'text' },
        logLevel: 'warning',
        plugins: [replacing(root, sources)],
      }),
    ),
  );
  return modules;
}

function replacing(root: string, sources: ReadonlyMap<string, string>): Plugin {
  return {
    name: 'instrumented-sources',
    setup(esbuild) {
      esbuild.onLoad({ filter: /\/functions\/.*\.ts$/ }, ({ path }) => {
        const contents = sources.get(relative(root, path));
        return contents === undefined ? undefined : { contents, loader: 'ts', resolveDir: dirname(path) };
      });
      // A module that reads a file of the repository looks for it beside its own source.
      esbuild.onLoad({ filter: /\/(test|tools)\/.*\.ts$/ }, ({ path }) => ({
        contents: readFileSync(path, 'utf8').replaceAll('import.meta.dirname', JSON.stringify(dirname(path))),
        loader: 'ts',
        resolveDir: dirname(path),
      }));
    },
  };
}
