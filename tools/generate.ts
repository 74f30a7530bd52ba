/** `npm run generate`: writes what is generated from the CRDs and from runner.sh. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { runCommand } from '../local/machine/command-line.ts';
import { generateAll } from './generate/all.ts';
import { repository, type GeneratedFile } from './generate/output.ts';

await runCommand(
  {
    name: 'npm run generate',
    about: [
      'Writes types, event schemas and reference pages from crds/, and the module that holds runner.sh.',
      'The files are checked in; a unit test fails when one is stale.',
    ].join('\n'),
    options: { check: { type: 'boolean', help: 'write nothing, and fail when a file is stale' } },
  },
  async ({ values }) => {
    const stale = (await generateAll()).filter(isStale);
    for (const file of stale) {
      if (!values.check) write(file);
      process.stdout.write(values.check ? `${file.path} is stale: run npm run generate\n` : `wrote ${file.path}\n`);
    }
    return values.check && stale.length > 0 ? 1 : 0;
  },
);

function isStale({ path, content }: GeneratedFile): boolean {
  try {
    return readFileSync(join(repository, path), 'utf8') !== content;
  } catch {
    return true;
  }
}

function write({ path, content }: GeneratedFile): void {
  mkdirSync(dirname(join(repository, path)), { recursive: true });
  writeFileSync(join(repository, path), content);
}
