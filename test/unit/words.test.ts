/** A retired word does not come back: docs/reference/glossary.md says which word to use in its place. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { glob, readFile } from 'node:fs/promises';
import ts from 'typescript';

/** Names that stay. What is on the wire cannot be renamed in an installation that is being upgraded. */
const kept: readonly string[] = [
  'pg.aidbox.look.v1', // CloudEvent type: it would need a second Trigger for a release
  'Promise.allSettled', // JavaScript's own
];

interface Retired {
  /** Words that are retired wherever they stand, with their endings; part of an identifier counts as a word. */
  readonly words: readonly string[];
  /** Identifiers that are retired; as plain English in a comment or message the word may stay. */
  readonly names: readonly string[];
}

const glossary = await readFile('docs/reference/glossary.md', 'utf8');
const retired = readRetired(glossary);

describe('words', () => {
  it('the glossary has at most 60 entries, each once and in alphabetical order', () => {
    const entries = [...glossary.matchAll(/^\*\*(.+?)\*\*/gm)].map(([, entry]) => entry ?? '');
    assert.ok(entries.length > 30 && entries.length <= 60, `${entries.length} entries`);
    const sorted = [...new Set(entries)].toSorted((a, b) => a.localeCompare(b, 'en'));
    assert.deepEqual(entries, sorted);
  });

  it('the glossary names the retired words, and what to say instead', () => {
    for (const word of ['look', 'told', 'settle', 'hint']) assert.ok(retired.words.includes(word), word);
    for (const name of ['goOn', 'inTime']) assert.ok(retired.names.includes(name), name);
  });

  it('no retired word is in functions/', async () => {
    const found: string[] = [];
    for await (const file of glob('functions/**/*.{ts,sh}')) {
      if (file.endsWith('.generated.ts')) continue;
      found.push(...retiredIn(file, await readFile(file, 'utf8')));
    }
    assert.deepEqual(found.toSorted(), []);
  });

  it('a retired word is found with its endings, in comments, in messages and inside of an identifier', () => {
    const source = [
      '// It looks.',
      "log('told');",
      'const pageHint = 1;',
      'lookAtRun();',
      'settling.settled;',
      'const overlook = timeline;',
      "const type = 'pg.aidbox.look.v1';",
      '// Earlier is a name',
      'earlier.goOn();',
    ].join('\n');
    assert.deepEqual(retiredIn('a.ts', source), [
      'a.ts:1: looks',
      'a.ts:2: told',
      'a.ts:3: hint',
      'a.ts:4: look',
      'a.ts:5: settling',
      'a.ts:5: settled',
      'a.ts:9: earlier',
      'a.ts:9: goOn',
    ]);
    assert.deepEqual(retiredIn('a.sh', 'tell_all\n'), ['a.sh:1: tell']);
  });
});

/** Reads the closing table: a plain entry is a word, an entry in backticks is a name. */
function readRetired(text: string): Retired {
  const table = text.split('## Words we do not use')[1] ?? '';
  const cells = [...table.matchAll(/^\| (.+?) \|/gm)].slice(2).flatMap(([, cell]) => cell?.trim().split(', ') ?? []);
  const names = cells.filter((cell) => cell.startsWith('`'));
  return {
    words: cells.filter((cell) => !names.includes(cell)),
    names: names.map((name) => name.replaceAll('`', '')),
  };
}

/** Lists the retired words and names of one file as `file:line: word`. */
function retiredIn(file: string, source: string): string[] {
  const names = file.endsWith('.ts') ? namesByLine(file, source) : [];
  return source.split('\n').flatMap((line, index) => {
    const found = [...wordsOf(withoutKept(line)).filter(isRetired), ...(names[index] ?? [])];
    return found.map((word) => `${file}:${index + 1}: ${word}`);
  });
}

function withoutKept(line: string): string {
  return kept.reduce((rest, name) => rest.replaceAll(name, ''), line);
}

/** Splits identifiers at their capitals: `pageHint` is `page` and `hint`. */
function wordsOf(line: string): string[] {
  return (line.match(/[A-Z]?[a-z]+|[A-Z]+(?![a-z])/g) ?? []).map((word) => word.toLowerCase());
}

function isRetired(word: string): boolean {
  return retired.words.some((base) => word === base || endings(base).includes(word));
}

function endings(base: string): string[] {
  const stem = base.endsWith('e') ? base.slice(0, -1) : base;
  return [`${base}s`, `${base}es`, `${stem}ed`, `${stem}ing`, `${stem}ings`];
}

/** Lists the retired identifiers of each line, in the order of the source. */
function namesByLine(file: string, source: string): string[][] {
  const tree = ts.createSourceFile(file, source, ts.ScriptTarget.Latest);
  const lines: string[][] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node) && retired.names.includes(node.text)) {
      const { line } = tree.getLineAndCharacterOfPosition(node.getStart(tree));
      (lines[line] ??= []).push(node.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return lines;
}
