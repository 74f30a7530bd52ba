/** Reads the code blocks of README.md and docs/, so that tests run what a reader would run. */
import { execFile } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const repository = join(import.meta.dirname, '../..');

/** One fenced block of a page. */
export interface DocumentBlock {
  /** Path of the page in the repository. */
  readonly page: string;
  /** Name in the comment `<!-- test: name -->` above the block. */
  readonly name: string | undefined;
  readonly language: string;
  readonly text: string;
}

/** Lists the pages: README.md, CONTRIBUTING.md when it is there, and everything below docs/. */
export function documentPages(): string[] {
  return globSync(['README.md', 'CONTRIBUTING.md', 'docs/**/*.md'], { cwd: repository }).sort();
}

/** Returns the text of a page. */
export function documentText(page: string): string {
  return readFileSync(join(repository, page), 'utf8');
}

/** Lists the fenced blocks of a page, in their order. */
export function blocksOf(page: string, text: string = documentText(page)): DocumentBlock[] {
  const fenced = /(?:^<!-- test: ([\w-]+) -->\n+)?^```(\w*)\n([\s\S]*?)^```$/gm;
  return [...text.matchAll(fenced)].map(([, name, language = '', block = '']) => ({
    page,
    name,
    language,
    text: block,
  }));
}

/** Returns the block under `<!-- test: name -->`; a name that no page or two pages have is an error. */
export function documentBlock(name: string): string {
  const found = documentPages()
    .flatMap((page) => blocksOf(page))
    .filter((block) => block.name === name);
  const [block] = found;
  if (block === undefined || found.length > 1) throw new Error(`${found.length} pages have a block "${name}"`);
  return block.text;
}

/** Where a block is run, and which cluster its kubectl is pointed at. */
export interface BlockPlace {
  readonly cwd: string;
  readonly kubectlPath: string;
  readonly kubeConfigPath: string;
  /** Follows the block in the same shell. */
  readonly more?: string | undefined;
}

/** Runs a block as it stands, as a reader would. */
export async function runBlock(name: string, place: BlockPlace): Promise<string> {
  const { cwd, kubectlPath, kubeConfigPath, more = '' } = place;
  const PATH = `${dirname(kubectlPath)}:${process.env['PATH'] ?? ''}`;
  const { stdout } = await promisify(execFile)('sh', ['-euc', documentBlock(name) + more], {
    cwd,
    env: { ...process.env, KUBECONFIG: kubeConfigPath, PATH },
    maxBuffer: 1 << 26,
  });
  return stdout;
}
