/** Bundles each function into one file, `dist/<function>.cjs`, and what runs them into `dist/boot.cjs`, as the image has them. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { build, type BuildResult, type Plugin } from 'esbuild';
import { runCommand } from '../local/machine/command-line.ts';

const root = resolve(import.meta.dirname, '..');
const target = join(root, 'dist');

/**
 * What no function uses: proxies, OIDC login and `cp` of the Kubernetes client; character sets other than UTF-8 of the
 * body parser (bodies are read as bytes); files, forms and negotiation of express. These cost more start time than all
 * the rest; whoever does call one gets an error that says so.
 */
const unused = [
  'undici',
  'openid-client',
  'socks',
  'socks-proxy-agent',
  'hpagent',
  'jsonpath-plus',
  'tar-fs',
  'iconv-lite',
  'send',
  'serve-static',
  'qs',
  'accepts',
  'content-disposition',
];

/** Tables by file extension: answers here name their type or have none. */
const emptied = ['mime-db'];

const clientName = '@kubernetes/client-node';

/** Names of the functions that there are. */
export function functionNames(): string[] {
  return readdirSync(join(root, 'functions'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(root, 'functions', entry.name, 'main.ts')))
    .map((entry) => entry.name);
}

/** Writes all bundles and what went into them (`dist/<bundle>.meta.json`); returns size by bundle. */
export async function buildFunctions(): Promise<Map<string, number>> {
  mkdirSync(target, { recursive: true });
  const entries = [
    ['boot', join('platform', 'serve', 'boot.ts')] as const,
    ...functionNames().map((name) => [name, join(name, 'main.ts')] as const),
  ];
  const sizes = entries.map(async ([name, entry]) => [name, await buildBundle(name, entry)] as const);
  return new Map(await Promise.all(sizes));
}

async function buildBundle(name: string, entry: string): Promise<number> {
  const result = await build({
    absWorkingDir: root,
    entryPoints: [join('functions', entry)],
    outfile: join('dist', `${name}.cjs`),
    bundle: true,
    minify: true,
    platform: 'node',
    format: 'cjs',
    target: 'node24',
    legalComments: 'none',
    loader: { '.sh': 'text' },
    metafile: true,
    write: false,
    logLevel: 'warning',
    plugins: [clientWithoutSideEffects, throwingStubs, oneCopyEach()],
  });
  return writeResult(name, result);
}

/** Renamed into place: a process that starts meanwhile gets the old bundle or the new one. */
function writeResult(name: string, result: BuildResult<{ metafile: true; write: false }>): number {
  const files = [
    ...result.outputFiles.map((file) => ({ path: join(target, basename(file.path)), contents: file.contents })),
    { path: join(target, `${name}.meta.json`), contents: JSON.stringify(result.metafile) },
  ];
  for (const { path, contents } of files) {
    writeFileSync(`${path}.${process.pid}`, contents);
    renameSync(`${path}.${process.pid}`, path);
  }
  return result.outputFiles[0]?.contents.length ?? 0;
}

/** The client's package does not declare it, but importing its files does nothing: what is not used can go. */
const clientWithoutSideEffects: Plugin = {
  name: 'client-without-side-effects',
  setup(esbuild) {
    const seen = Symbol('resolved by us');
    esbuild.onResolve(
      { filter: new RegExp(`^${clientName}`) },
      async ({ path, kind, importer, resolveDir, pluginData }) => {
        if (pluginData === seen) return undefined;
        return {
          ...(await esbuild.resolve(path, { kind, importer, resolveDir, pluginData: seen })),
          sideEffects: false,
        };
      },
    );
    // Inside it every import names a file. Asking esbuild about each of a thousand would take seconds.
    esbuild.onResolve({ filter: /^\.\.?\/.*\.js$/ }, ({ path, importer, resolveDir }) =>
      importer.includes(`/node_modules/${clientName}/`)
        ? { path: join(resolveDir, path), sideEffects: false }
        : undefined,
    );
  },
};

/** npm nests the same version of a package below several others; one copy of its data is enough. */
function oneCopyEach(): Plugin {
  const firstCopy = new Map<string, string>();
  return {
    name: 'one-copy-each',
    setup(esbuild) {
      esbuild.onLoad({ filter: /node_modules\/.*\/node_modules\/.*\.json$/ }, ({ path }) => {
        const [, packageName = '', file = ''] = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\/(.*)$/.exec(path) ?? [];
        const { version } = JSON.parse(readFileSync(join(path.slice(0, -file.length), 'package.json'), 'utf8')) as {
          version: string;
        };
        const identity = `${packageName}@${version}/${file}`;
        const first = firstCopy.get(identity) ?? path;
        firstCopy.set(identity, first);
        if (first === path) return undefined;
        return { contents: `module.exports = require(${JSON.stringify(first)})`, loader: 'js' };
      });
    },
  };
}

const throwingStubs: Plugin = {
  name: 'throwing-stubs',
  setup(esbuild) {
    esbuild.onResolve({ filter: new RegExp(`^(${unused.join('|')})$`) }, ({ path }) => ({ path, namespace: 'stub' }));
    esbuild.onResolve({ filter: new RegExp(`^(${emptied.join('|')})$`) }, ({ path }) => ({ path, namespace: 'empty' }));
    esbuild.onLoad({ filter: /.*/, namespace: 'empty' }, () => ({ contents: 'module.exports = {};', loader: 'js' }));
    esbuild.onLoad({ filter: /.*/, namespace: 'stub' }, ({ path }) => ({ contents: stubOf(path), loader: 'js' }));
  },
};

function stubOf(name: string): string {
  return `
    module.exports = new Proxy({}, {
      get(_, property) {
        if (property === '__esModule') return false;
        return function () {
          throw new Error(${JSON.stringify(`${name} is not part of this bundle: no function needs it`)});
        };
      },
    });`;
}

if (process.argv[1] === import.meta.filename) {
  await runCommand(
    {
      name: 'npm run build',
      about: 'Bundles each function into one file below dist/, and what runs them into dist/boot.cjs.',
    },
    async () => {
      for (const [name, size] of await buildFunctions()) {
        process.stdout.write(`dist/${name}.cjs  ${Math.round(size / 1024)} KiB\n`);
      }
      return 0;
    },
  );
}
