/** Reads the code blocks of README.md and docs/, so that tests run what a reader would run. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

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
