/** Checks the documents themselves: names of blocks, links, and the pages that messages name. */
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { blocksOf, documentPages, documentText } from '../support/documents.ts';

const repository = join(import.meta.dirname, '../..');
const pages = documentPages();
const commands = pages.flatMap((page) => blocksOf(page)).filter(({ language }) => language === 'sh');

/** Pages whose commands work on a clone of the repository, not on somebody's cluster. */
const forContributors = /^(?:CONTRIBUTING\.md|docs\/contribute\/)/;

function filesOf(pattern: string): Map<string, string> {
  return new Map(
    globSync(pattern, { cwd: repository }).map((file) => [file, readFileSync(join(repository, file), 'utf8')]),
  );
}

/** Returns a page without its fenced blocks and its code spans, where brackets are no links. */
function proseOf(page: string): string {
  return documentText(page)
    .replace(/^```[\s\S]*?^```$/gm, '')
    .replace(/`[^`\n]*`/g, 'code');
}

/** Lists the anchors of a page as GitHub makes them from its headings. */
function anchorsOf(page: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading = ''] of documentText(page)
    .replace(/^```[\s\S]*?^```$/gm, '')
    .matchAll(/^#+ +(.*)$/gm)) {
    const slug = heading
      .toLowerCase()
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-');
    anchors.add(anchors.has(slug) ? `${slug}-1` : slug);
  }
  return anchors;
}

/** Returns the file that a link names, as a path in the repository, and its anchor. */
function targetOf(page: string, link: string): { file: string; anchor: string } {
  const [path = '', anchor = ''] = link.split('#');
  return { file: path === '' ? page : normalize(join(dirname(page), path)), anchor };
}

/** Says why a link leads nowhere; undefined when it resolves. */
function brokenLink(page: string, link: string): string | undefined {
  const { file, anchor } = targetOf(page, link);
  if (!existsSync(join(repository, file))) return `${page}: no file ${file}`;
  if (anchor === '') return undefined;
  return anchorsOf(file).has(anchor) ? undefined : `${page}: no heading #${anchor} in ${file}`;
}

test('the README is read in three minutes: at most 150 lines', () => {
  assert.ok(documentText('README.md').trimEnd().split('\n').length <= 150);
});

test('every shell block has a name, and no two have the same', () => {
  assert.deepEqual(
    commands.filter(({ name }) => name === undefined).map(({ page, text }) => `${page}: ${text}`),
    [],
  );
  const named = pages.flatMap((page) => blocksOf(page)).flatMap(({ name }) => name ?? []);
  assert.deepEqual(
    named.filter((name, index) => named.indexOf(name) !== index),
    [],
  );
});

test('every shell block for users is run by a test, which names it', () => {
  const sources = [...filesOf('test/**/*.ts')]
    .filter(([file]) => !file.endsWith('unit/docs.test.ts'))
    .map(([, text]) => text)
    .join('\n');
  const forUsers = commands.filter(({ page }) => !forContributors.test(page));
  assert.ok(forUsers.length > 10, `${forUsers.length} blocks found`);
  assert.deepEqual(
    forUsers.filter(({ name }) => !sources.includes(`'${name}'`)).map(({ page, name }) => `${page}: ${name}`),
    [],
  );
});

test('every npm script that a page names exists', () => {
  const { scripts } = JSON.parse(documentText('package.json')) as { scripts: Readonly<Record<string, string>> };
  const wanted = pages.flatMap((page) =>
    [...documentText(page).matchAll(/\bnpm (?:run ([\w:-]+)|(start|test)\b)/g)].map(([, script, verb = '']) => ({
      page,
      name: script ?? verb,
    })),
  );
  assert.ok(wanted.length > 5, `${wanted.length} scripts found`);
  assert.deepEqual(
    wanted.filter(({ name }) => scripts[name] === undefined),
    [],
  );
});

test('every relative link leads to a file, and every anchor to a heading', () => {
  const links = pages.flatMap((page) =>
    [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, link = '']) => link)
      .filter((link) => !/^[a-z]+:/.test(link))
      .map((link) => ({ page, link })),
  );
  assert.ok(links.length > 5, `${links.length} links found`);
  assert.deepEqual(
    links.flatMap(({ page, link }) => brokenLink(page, link) ?? []),
    [],
  );
});

test('every page that a message names exists', () => {
  const named = [...filesOf('functions/**/*.{ts,sh}')].flatMap(([file, text]) =>
    [...text.matchAll(/docs\/[\w/-]+\.md(?:#[\w-]+)?/g)].map(([link]) => ({ file, link })),
  );
  assert.deepEqual(
    named.flatMap(({ link }) => brokenLink('.', link) ?? []),
    [],
  );
});
