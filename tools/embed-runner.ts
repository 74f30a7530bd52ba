/** runner.sh as the functions carry it: functions/platform/run/runner-script.generated.ts is written from it. */
import { readFileSync } from 'node:fs';
import { format, resolveConfig } from 'prettier';

const source = new URL('../functions/platform/run/runner.sh', import.meta.url);

/** Where the embedded form lives. */
export const embeddedFile = new URL('../functions/platform/run/runner-script.generated.ts', import.meta.url);

interface Part {
  readonly with: string[];
  readonly lines: string[];
}

/** The text that runner-script.ts must have. */
export async function embeddedText(): Promise<string> {
  const text = `/**
 * Written from runner.sh by \`UPDATE=1 node --test test/runner/embedded.test.ts\`: comments and indentation removed, cut
 * at its \`#@\` lines. A module, because it must be there both in a bundle and when the sources run as they are.
 */
export const runnerParts: readonly { readonly with: readonly string[]; readonly lines: readonly string[] }[] =
${JSON.stringify(parts(readFileSync(source, 'utf8')))};`;
  const config = await resolveConfig(embeddedFile);
  return format(text, { ...config, parser: 'typescript' });
}

function parts(script: string): Part[] {
  const found: Part[] = [{ with: ['*'], lines: [] }];
  for (const line of script.split('\n')) {
    const text = line.trim();
    if (text.startsWith('#@ ')) found.push({ with: text.slice(3).split(' '), lines: [] });
    else if (text !== '' && !text.startsWith('#')) found.at(-1)?.lines.push(text);
  }
  return found;
}
