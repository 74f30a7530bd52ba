/** `npm run verify`: what a change has to pass before it is worth a review, in less than a minute. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { runCommand } from '../local/machine/command-line.ts';
import { createProgress, type Progress } from '../local/machine/progress.ts';
import { quickChecks, runChecks, type Check } from './checks.ts';
import { root } from './program.ts';

/** Writes files, so that it comes before everything that reads them. */
const generate: Check = { name: 'generate', program: process.execPath, args: [join(root, 'tools', 'generate.ts')] };

const unit: Check = {
  name: 'unit',
  program: process.execPath,
  args: [join(root, 'tools', 'test.ts'), '--suite=unit', '--brief'],
};

await runCommand(
  {
    name: 'npm run verify',
    about: [
      'Generates what is generated, then checks types, lint (of changed files), format and unit tests side by side.',
      'It fails, too, when generating has changed a file: the new one is there, commit it.',
    ].join('\n'),
  },
  async () => {
    const progress = createProgress();
    const before = treeState();
    const failed = await runChecks(progress, [generate]);
    if (failed.length > 0) return 1;
    const isFresh = checkTree(progress, before);
    const others = await runChecks(progress, [...quickChecks, unit]);
    return isFresh && others.length === 0 ? 0 : 1;
  },
);

/** What git sees in the working tree: changes since the last commit, and files that are not tracked. */
function treeState(): string {
  return [
    ['diff', 'HEAD'],
    ['status', '--porcelain'],
  ]
    .map((args) => execFileSync('git', args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28 }))
    .join('');
}

function checkTree(progress: Progress, before: string): boolean {
  const part = progress.part('generated');
  if (treeState() === before) part.done('up to date');
  else part.failed('was out of date: commit what has changed');
  return treeState() === before;
}
