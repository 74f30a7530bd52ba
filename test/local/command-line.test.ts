/** What npm scripts answer to `--help` and to options that they do not have. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, it } from 'node:test';
import { helpOf } from '../../local/machine/command-line.ts';

const root = resolve(import.meta.dirname, '../..');
const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  scripts: Readonly<Record<string, string>>;
};

/** Their `--help` is that of the compiler and of the linters. */
const others = ['typecheck', 'lint'];

interface Answer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

for (const [script, command] of Object.entries(scripts)) {
  if (others.includes(script)) continue;
  describe(`npm run ${script}`, () => {
    it('explains itself in a few plain lines', async () => {
      const { code, stdout, stderr } = await ask(command, '--help');
      assert.deepEqual([code, stderr], [0, '']);
      const [usage = '', , ...rest] = stdout.trimEnd().split('\n');
      assert.match(usage, /^npm (start|test|run [a-z:0-9]+)( |$)/);
      assert.match(rest.at(-1) ?? '', /^ {2}--help +show this text$/);
      assert.ok(rest.every((line) => line.length <= 120));
    });

    it('refuses an unknown option with one line and exit code 2', async () => {
      const { code, stdout, stderr } = await ask(command, '--onse');
      assert.deepEqual([code, stdout], [2, '']);
      assert.match(stderr, /^npm .+: unknown option '--onse' \(npm .+ -- --help lists what it takes\)\n$/);
    });
  });
}

it('shows options with their values and defaults', () => {
  const text = helpOf({
    name: 'npm run paint',
    about: 'Paints.',
    options: {
      colour: { type: 'string', value: 'NAME', default: 'red', help: 'colour of the paint' },
      dry: { type: 'boolean', help: 'paint nothing' },
    },
    rest: 'WALL …',
  });
  assert.equal(
    text,
    [
      'npm run paint -- [OPTION …] [WALL …]',
      '',
      'Paints.',
      '',
      '  --colour NAME  colour of the paint (default: red)',
      '  --dry          paint nothing',
      '  --help         show this text',
      '',
    ].join('\n'),
  );
});

/** Runs a script as npm does, with the Node of this process. */
function ask(command: string, option: string): Promise<Answer> {
  const [program = '', ...args] = command.split(' ');
  assert.equal(program, 'node');
  return new Promise((resolveAnswer) => {
    execFile(process.execPath, [...args, option], { cwd: root }, (error, stdout, stderr) =>
      resolveAnswer({ code: Number(error?.code ?? 0), stdout, stderr }),
    );
  });
}
