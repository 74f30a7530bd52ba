/** Whether what is generated fits what it is generated from. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { generateAll } from '../../../tools/generate/all.ts';
import { repository } from '../../../tools/generate/output.ts';

for (const { path, content } of await generateAll()) {
  test(`${path} is as npm run generate writes it`, () => {
    assert.equal(
      readFileSync(join(repository, path), 'utf8'),
      content,
      'run npm run generate and commit what it writes',
    );
  });
}
