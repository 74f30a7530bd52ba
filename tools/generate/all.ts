import { format, resolveConfig } from 'prettier';
import { join } from 'node:path';
import { eventSchemas } from './event-schemas.ts';
import { repository, type GeneratedFile } from './output.ts';
import { referencePages } from './reference-pages.ts';
import { runnerScript } from './runner-script.ts';
import { types } from './types.ts';

/** Returns every generated file as it must be in the repository. */
export async function generateAll(): Promise<GeneratedFile[]> {
  const files = [types(), ...eventSchemas(), ...referencePages(), runnerScript()];
  return Promise.all(files.map(formatted));
}

async function formatted({ path, content }: GeneratedFile): Promise<GeneratedFile> {
  const filepath = join(repository, path);
  const options = await resolveConfig(filepath);
  return { path, content: await format(content, { ...options, filepath }) };
}
