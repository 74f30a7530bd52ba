/** The direction of dependencies, read from the sources' own imports. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '../..');
const features = ['schedule', 'backup', 'rotation', 'storage'];

interface Import {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

/** Imports of one source; a relative target is given relative to `functions/`. */
function importsOf(file: string): Import[] {
  const from = relative(join(root, 'functions'), file);
  const text = readFileSync(file, 'utf8');
  return [...text.matchAll(/^import\s+(type\s+)?[^;]*?from\s+'([^']+)'/gms)].map(([, type, target = '']) => ({
    from,
    to: target.startsWith('.') ? relative(join(root, 'functions'), join(dirname(file), target)) : target,
    typeOnly: type !== undefined,
  }));
}

const imports = globSync('functions/**/*.ts', { cwd: root }).flatMap((file) => importsOf(join(root, file)));

function violations(of: (edge: Import) => boolean): string[] {
  return imports.filter(of).map(({ from, to }) => `${from} → ${to}`);
}

const featureOf = (file: string): string | undefined => features.find((name) => file.startsWith(`${name}/`));

test('the sources have imports to check', () => {
  assert.ok(imports.length > 100, `${imports.length} imports found`);
});

test('no feature imports another', () => {
  const crossing = violations(({ from, to }) => {
    const [left, right] = [featureOf(from), featureOf(to)];
    return left !== undefined && right !== undefined && left !== right;
  });
  assert.deepEqual(crossing, []);
});

test('the domain imports the domain, luxon, zod and pure helpers of Node only', () => {
  const pure = ['luxon', 'zod', 'node:util'];
  assert.deepEqual(
    violations(({ from, to }) => from.startsWith('domain/') && !to.startsWith('domain/') && !pure.includes(to)),
    [],
  );
});

test('decisions import no effects: of the platform only types', () => {
  const decisions = /^(?:schedule|backup|rotation|storage)\/(?!main|handler|gather|sweep|dead-letters|probe-page)/;
  assert.deepEqual(
    violations(({ from, to, typeOnly }) => decisions.test(from) && to.startsWith('platform/') && !typeOnly),
    [],
  );
});

test('only the platform imports client-node, express and cloudevents', () => {
  const owned = ['@kubernetes/client-node', 'express', 'cloudevents', 'ws'];
  assert.deepEqual(
    violations(
      ({ from, to }) => !from.startsWith('platform/') && owned.some((name) => to === name || to.startsWith(`${name}/`)),
    ),
    [],
  );
});

test('only main.ts constructs platform objects', () => {
  assert.deepEqual(
    violations(({ from, to }) => to === 'platform/serve/start.ts' && !from.endsWith('/main.ts')),
    [],
  );
});

test('no decision and nothing in the domain reads a clock or a random number', () => {
  const sources = globSync(['functions/domain/**/*.ts', 'functions/{schedule,backup,rotation,storage}/*.ts'], {
    cwd: root,
  });
  const reading = sources.filter((file) =>
    /Date\.now\(|new Date\(|DateTime\.(?:now|utc)\(|Math\.random\(|performance\.now\(/.test(
      readFileSync(join(root, file), 'utf8'),
    ),
  );
  assert.deepEqual(reading, []);
});
