/** Every hard case and invariant is cited by the name of a test, and every citation exists. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { glob, readFile } from 'node:fs/promises';
import ts from 'typescript';
import { plantedBugs } from '../simulation/planted-bugs.ts';

const citation = /\b[HI][1-9]\d*\b/g;
const own = 'test/unit/citations.test.ts';
const listed = [
  ...(await numbersOf('docs/explanation/hard-cases.md')),
  ...(await numbersOf('docs/explanation/invariants.md')),
];

describe('citations', () => {
  it('both lists count upwards from 1, and no number stands twice', () => {
    const rising = [...new Set(listed)].toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }));
    assert.deepEqual(listed, rising);
    assert.deepEqual(
      listed.filter((number) => /^[HI]1$/.test(number)),
      ['H1', 'I1'],
    );
  });

  it('each hard case and invariant is cited by the name of a test', async () => {
    const cited = new Set(citedByTables());
    for await (const file of glob('test/**/*.ts')) {
      if (file === own) continue;
      for (const name of namesOf(file, await readFile(file, 'utf8'))) cited.add(name);
    }
    assert.deepEqual(
      listed.filter((number) => !cited.has(number)),
      [],
    );
  });

  it('each citation is in a list', async () => {
    const unknown: string[] = [];
    for await (const file of glob('{functions,local,test,tools,docs}/**/*.{ts,sh,md}')) {
      if (file === own) continue;
      const numbers = (await readFile(file, 'utf8')).match(citation) ?? [];
      unknown.push(...numbers.filter((number) => !listed.includes(number)).map((number) => `${file}: ${number}`));
    }
    assert.deepEqual(unknown, []);
    assert.deepEqual(
      citedByTables().filter((number) => !listed.includes(number)),
      [],
    );
  });

  it('a citation in a comment or in a name of something else is none', () => {
    const source = [
      "test('H1 H2 both', () => {});",
      "/** H3 */ it(`I4 ${name}`, () => assert.ok(true, 'H5'));",
      "const rows = [{ name: 'I6 a row', want: 'H7' }, { 'H8 a row by its key': 1 }];",
      "const text = 'H9';",
    ].join('\n');
    assert.deepEqual(namesOf('a.ts', source), ['H1', 'H2', 'I4', 'I6', 'H8']);
  });
});

/** Lists the numbers of a page, one a line, in their order. */
async function numbersOf(page: string): Promise<string[]> {
  return [...(await readFile(page, 'utf8')).matchAll(/^- \*\*([HI]\d+)\*\* /gm)].map(([, number]) => number ?? '');
}

/** Tests whose names are made from the numbers of a table. */
function citedByTables(): string[] {
  return plantedBugs.flatMap(({ breaks }) => breaks.map((number) => `I${number}`));
}

/** Lists the citations in names: titles of tests, `name` or `what` of a row, and keys of a table. */
function namesOf(file: string, source: string): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    found.push(...(nameIn(node)?.getText(tree).match(citation) ?? []));
    ts.forEachChild(node, visit);
  };
  const tree = ts.createSourceFile(file, source, ts.ScriptTarget.Latest, true);
  visit(tree);
  return found;
}

function nameIn(node: ts.Node): ts.Node | undefined {
  if (ts.isCallExpression(node)) {
    return /\b(test|it|describe)$/.test(node.expression.getText()) ? node.arguments[0] : undefined;
  }
  if (!ts.isPropertyAssignment(node)) return undefined;
  if (ts.isStringLiteral(node.name)) return node.name;
  return /^(name|what)$/.test(node.name.getText()) ? node.initializer : undefined;
}
