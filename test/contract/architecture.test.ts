/** The direction of dependencies, read from the sources' own imports. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { functionNames } from '../../tools/build.ts';
import { circular, importsOf, roomOf, upward, type Import } from '../support/imports.ts';

const root = join(import.meta.dirname, '../..');
const imports = importsOf(root, '{functions,local,tools}/**/*.ts');

const pure = ['luxon', 'zod', 'node:util'];
const owned = ['@kubernetes/client-node', 'express', 'cloudevents', 'ws'];
const feature = new RegExp(`^functions/(${functionNames().join('|')})/`);
/** All files of a function but those that read or start something. */
const decision = new RegExp(`${feature.source}(?!main|handler|gather|sweep|dead-letters|probe-page)`);
const mostFiles = 12;

function featureOf(file: string): string | undefined {
  return feature.exec(file)?.[1];
}

interface Rule {
  readonly name: string;
  readonly violations: (imports: readonly Import[]) => readonly Import[];
  /** Imports that break the rule. Each rule must find them, so that none can pass because it checks nothing. */
  readonly planted: readonly Import[];
}

const rules: readonly Rule[] = [
  {
    name: 'no feature imports another',
    violations: (all) =>
      all.filter(({ from, to }) => {
        const [left, right] = [featureOf(from), featureOf(to)];
        return left !== undefined && right !== undefined && left !== right;
      }),
    planted: [{ from: 'functions/backup/run.ts', to: 'functions/rotation/plan.ts' }],
  },
  {
    name: 'the domain imports the domain, luxon, zod and pure helpers of Node only',
    violations: (all) =>
      all.filter(
        ({ from, to }) =>
          from.startsWith('functions/domain/') && !to.startsWith('functions/domain/') && !pure.includes(to),
      ),
    planted: [{ from: 'functions/domain/time.ts', to: 'node:fs' }],
  },
  {
    name: 'in the domain, commands and the catalogue stand on run, run on resources and events, and all on the ground',
    violations: (all) => upward(all, 'functions/domain/', ['commands catalogue', 'run', 'resources events', '.']),
    planted: [
      { from: 'functions/domain/run/launch.ts', to: 'functions/domain/commands/command.ts' },
      { from: 'functions/domain/resources/names.ts', to: 'functions/domain/events/timer.ts' },
      { from: 'functions/domain/time.ts', to: 'functions/domain/run/location.ts', typeOnly: true },
      { from: 'functions/domain/cellar/x.ts', to: 'functions/domain/time.ts' },
    ],
  },
  {
    name: 'in the platform, serve stands on reconcile, then run, kubernetes, http and the ground',
    violations: (all) => upward(all, 'functions/platform/', ['serve', 'reconcile', 'run', 'kubernetes', 'http', '.']),
    planted: [
      { from: 'functions/platform/http/sink.ts', to: 'functions/platform/kubernetes/client.ts' },
      { from: 'functions/platform/log.ts', to: 'functions/platform/serve/start.ts', typeOnly: true },
    ],
  },
  {
    name: 'decisions import nothing from the platform, not even types',
    violations: (all) => all.filter(({ from, to }) => decision.test(from) && to.startsWith('functions/platform/')),
    planted: [{ from: 'functions/backup/start.ts', to: 'functions/platform/run/runner.ts', typeOnly: true }],
  },
  {
    name: 'only the platform imports client-node, express, cloudevents and ws',
    violations: (all) =>
      all.filter(
        ({ from, to }) =>
          from.startsWith('functions/') &&
          !from.startsWith('functions/platform/') &&
          owned.some((name) => to === name || to.startsWith(`${name}/`)),
      ),
    planted: [{ from: 'functions/schedule/handler.ts', to: '@kubernetes/client-node/dist/config.js' }],
  },
  {
    name: 'only main.ts constructs platform objects',
    violations: (all) =>
      all.filter(
        ({ from, to }) =>
          from.startsWith('functions/') && to === 'functions/platform/serve/start.ts' && !from.endsWith('/main.ts'),
      ),
    planted: [{ from: 'functions/schedule/handler.ts', to: 'functions/platform/serve/start.ts' }],
  },
  {
    name: 'the local environment needs no tools: its entry hands in what builds the functions',
    violations: (all) =>
      all.filter(({ from, to }) => from.startsWith('local/') && from !== 'local/main.ts' && to.startsWith('tools/')),
    planted: [{ from: 'local/demo/index.ts', to: 'tools/build.ts' }],
  },
  {
    name: 'there is no circle of imports',
    violations: circular,
    planted: [
      { from: 'local/a.ts', to: 'local/b.ts' },
      { from: 'local/b.ts', to: 'local/c.ts', typeOnly: true },
      { from: 'local/c.ts', to: 'local/a.ts' },
    ],
  },
];

test('the sources have imports to check', () => {
  assert.ok(imports.length > 500, `${imports.length} imports found`);
});

for (const { name, violations, planted } of rules) {
  test(name, () => assert.deepEqual(violations(imports).map(text), []));
  test(`a planted import shows that this is checked: ${name}`, () =>
    assert.deepEqual(violations(planted).map(text), planted.map(text)));
}

function text({ from, to }: Import): string {
  return `${from} → ${to}`;
}

for (const folder of ['functions/domain/', 'functions/platform/']) {
  test(`no room of ${folder} has more than ${mostFiles} files`, () => {
    const files = globSync(`${folder}**/*`, { cwd: root, withFileTypes: true }).filter((entry) => entry.isFile());
    const paths = files.map(({ parentPath, name }) => join(parentPath, name).slice(root.length + 1));
    const rooms = Object.entries(Object.groupBy(paths, (path) => roomOf(path, folder)));
    assert.ok(rooms.length > 3, `${rooms.length} rooms found`);
    assert.deepEqual(
      rooms.filter(([, inside = []]) => inside.length > mostFiles).map(([room]) => room),
      [],
    );
  });
}

test('no decision and nothing in the domain reads a clock or a random number', () => {
  const sources = globSync(['functions/domain/**/*.ts', `functions/{${functionNames().join()}}/*.ts`], {
    cwd: root,
  });
  const reading = sources.filter((file) =>
    /Date\.now\(|new Date\(|DateTime\.(?:now|utc)\(|Math\.random\(|performance\.now\(/.test(
      readFileSync(join(root, file), 'utf8'),
    ),
  );
  assert.deepEqual(reading, []);
});
