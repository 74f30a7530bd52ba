/** Reads the last stage of a Dockerfile, in the small part of the language that ours uses. */

/** One instruction with its text, continuation lines joined. */
export interface Instruction {
  readonly name: string;
  readonly text: string;
}

/** Instructions after the last FROM; throws at one that is not understood, so that the two ways cannot drift apart. */
export function lastStage(dockerfile: string): Instruction[] {
  const instructions = dockerfile
    .replaceAll(/^\s*#.*\n/gm, '')
    .replaceAll('\\\n', '')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map(instruction);
  const stage = instructions.slice(instructions.findLastIndex(({ name }) => name === 'FROM') + 1);
  for (const { name, text } of stage) {
    if (!known.has(name))
      throw new Error(`the image is made without an engine, and ${name} is not understood: ${text}`);
  }
  return stage;
}

/** Patterns below /src that `COPY --from=build … ./` names; throws when the text has another form. */
export function copiedFromBuild(text: string): string[] {
  const [from, ...paths] = text.split(/\s+/);
  const target = paths.pop();
  const patterns = paths.map((path) => /^\/src\/(\S+)$/.exec(path)?.[1]);
  if (from !== '--from=build' || target !== './' || patterns.length === 0 || patterns.includes(undefined))
    throw new Error(`the image is made without an engine, and COPY is not understood: ${text}`);
  return patterns.filter((pattern) => pattern !== undefined);
}

const known = new Set(['WORKDIR', 'COPY', 'ENV', 'RUN', 'USER']);

function instruction(line: string): Instruction {
  const [, name = '', text = ''] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
  return { name, text };
}
