import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { functionNames } from '../../tools/build.ts';
import { copiedFromBuild, lastStage } from '../../tools/cluster/images/dockerfile.ts';

const dockerfile = readFileSync(join(resolve(import.meta.dirname, '../..'), 'Dockerfile'), 'utf8');

test('the last stage of our Dockerfile is understood', () => {
  const stage = lastStage(dockerfile);
  const copies = stage.filter(({ name }) => name === 'COPY').flatMap(({ text }) => copiedFromBuild(text));
  assert.deepEqual(copies, ['dist/*.cjs', 'sbom.cdx.json']);
  assert.equal(stage.find(({ name }) => name === 'USER')?.text, '65532:65532');
  assert.match(
    stage.find(({ text }) => text.includes('healthz'))?.text ?? '',
    /boot\.cjs "\$name".* test -s "cache\/\$name"; +done/,
  );
});

test('the Dockerfile names no function, so that a new one gets its code cache too', () => {
  const run = lastStage(dockerfile).find(({ text }) => text.includes('healthz'))?.text ?? '';
  assert.match(run, /for bundle in \*\.cjs; do +name="\$\{bundle%\.cjs\}"; +\[ "\$name" != boot \] \|\| continue;/);
  for (const name of functionNames()) assert.doesNotMatch(run, new RegExp(`\\b${name}\\b`));
});

for (const text of ['dist/a.cjs ./', '--from=build /src/a /other/', '--from=build /etc/passwd ./', '--from=build ./']) {
  test(`not understood: COPY ${text}`, () => {
    assert.throws(() => copiedFromBuild(text), /COPY is not understood/);
  });
}

test('not understood: another instruction', () => {
  assert.throws(() => lastStage('FROM scratch\nVOLUME /data\n'), /VOLUME is not understood/);
});
