/** Programs that the tools run to their end. */
import { spawn } from 'node:child_process';
import { constants, setPriority } from 'node:os';
import { resolve } from 'node:path';

/** The directory of the project. */
export const root = resolve(import.meta.dirname, '..');

/** How a program is run. */
export interface Setting {
  readonly env?: NodeJS.ProcessEnv;
  /** Collects what it writes, which is not shown then. */
  readonly output?: Buffer[];
  /** True when everything else on the machine comes first. */
  readonly isInBackground?: boolean;
}

/** Runs a program in the project's directory and returns its exit code. */
export function runProgram(
  program: string,
  args: readonly string[],
  { env = process.env, output, isInBackground = false }: Setting = {},
): Promise<number> {
  return new Promise((resolveCode, reject) => {
    const stream = output === undefined ? 'inherit' : 'pipe';
    const child = spawn(program, args, { cwd: root, env, stdio: ['ignore', stream, stream] });
    if (isInBackground && child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_BELOW_NORMAL);
    for (const each of [child.stdout, child.stderr]) each?.on('data', (chunk: Buffer) => output?.push(chunk));
    // Ctrl-C reaches the child by itself; a signal to this process alone is handed on. We wait for it in any case.
    const forward = (signal: NodeJS.Signals): void => void child.kill(signal);
    process.on('SIGTERM', forward).on('SIGINT', ignore);
    child.on('error', reject);
    child.on('close', (code) => {
      process.off('SIGTERM', forward).off('SIGINT', ignore);
      resolveCode(code ?? 1);
    });
  });
}

function ignore(): void {
  // the child ends by itself and reports
}
