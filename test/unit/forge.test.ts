/** What a contributor meets first on the forge: the workflow, the forms of issues, and the licence. */
import assert from 'node:assert/strict';
import { constants, accessSync, globSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { parse } from 'yaml';

interface Workflow {
  readonly permissions: unknown;
  readonly jobs: Readonly<Record<string, { readonly steps: readonly { uses?: string; run?: string }[] }>>;
}

interface Form {
  readonly name: string;
  readonly description: string;
  readonly body: readonly { id: string; type: string; attributes: { label: string } }[];
}

describe('forge', () => {
  const workflow = parse(readFileSync('.github/workflows/ci.yml', 'utf8')) as Workflow;
  const steps = Object.values(workflow.jobs).flatMap((job) => job.steps);

  it('the workflow runs .ci/run, which can be executed, and may only read', () => {
    accessSync('.ci/run', constants.X_OK);
    assert.equal(steps.filter(({ run }) => run?.split(' ').includes('.ci/run')).length, 1);
    assert.deepEqual(workflow.permissions, { contents: 'read' });
  });

  it('the workflow uses only actions of GitHub itself, each of one major version', () => {
    const actions = steps.flatMap(({ uses }) => uses ?? []);
    assert.ok(actions.length > 0);
    for (const action of actions) assert.match(action, /^actions\/[a-z-]+@v\d+$/);
  });

  for (const file of globSync('.github/ISSUE_TEMPLATE/{bug,feature}.yml')) {
    it(`${file} is a form whose fields have a label and an id of their own`, () => {
      const { body, description, name } = parse(readFileSync(file, 'utf8')) as Form;
      assert.ok(name !== '' && description !== '' && body.length > 0);
      const ids = body.map(({ id, attributes, type }) => `${type} ${id} ${attributes.label === '' ? '' : 'labelled'}`);
      assert.equal(new Set(body.map(({ id }) => id)).size, body.length);
      for (const id of ids) assert.match(id, /^(input|textarea|dropdown) [a-z]+ labelled$/);
    });
  }

  it('the licence is the one that package.json names', () => {
    const { license } = JSON.parse(readFileSync('package.json', 'utf8')) as { license: string };
    assert.equal(license, 'Apache-2.0');
    assert.match(readFileSync('LICENSE', 'utf8'), /^ +Apache License\n +Version 2\.0, January 2004\n/);
  });
});
