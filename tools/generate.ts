/** `npm run generate`: writes what is generated from the CRDs and from runner.sh. With `--check` it only compares. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { generateAll } from './generate/all.ts';
import { repository, type GeneratedFile } from './generate/output.ts';

const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });
const stale = (await generateAll()).filter(isStale);
for (const file of stale) {
  if (!values.check) write(file);
  console.log(values.check ? `${file.path} is stale` : `wrote ${file.path}`);
}
if (values.check && stale.length > 0) {
  console.error('Run npm run generate and commit what it writes.');
  process.exitCode = 1;
}

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
