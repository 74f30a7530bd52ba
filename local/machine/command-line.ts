/** The command line of the npm scripts: options, `--help` and exit codes are alike in all of them. */
import { parseArgs } from 'node:util';
import { messageOf } from './error-message.ts';

/** What a person may write behind `--`. */
export interface Option {
  readonly type: 'boolean' | 'string';
  readonly help: string;
  /** Stands for the value of a string in the help, such as `N`. */
  readonly value?: string;
  readonly default?: string;
}

/** A script as `--help` describes it. */
export interface Command<Options extends Readonly<Record<string, Option>>> {
  /** As a person types it: `npm run bench`. */
  readonly name: string;
  /** What it does, in a few lines of at most 100 characters. */
  readonly about: string;
  readonly options?: Options;
  /** Stands for the arguments that are no options, such as `FILE …`. A command without it takes none. */
  readonly rest?: string;
}

type Values<Options extends Readonly<Record<string, Option>>> = {
  readonly [Name in keyof Options]: Options[Name] extends { type: 'boolean' }
    ? boolean
    : Options[Name] extends { default: string }
      ? string
      : string | undefined;
};

/** What was written on the command line. */
export interface Given<Options extends Readonly<Record<string, Option>>> {
  readonly values: Values<Options>;
  readonly rest: readonly string[];
}

const usageExitCode = 2;

/** Prints the help, or does the work; the exit code of the work becomes that of the process, and an error one line. */
export async function runCommand<const Options extends Readonly<Record<string, Option>>>(
  command: Command<Options>,
  work: (given: Given<Options>) => Promise<number> | number,
  args: readonly string[] = process.argv.slice(2),
): Promise<void> {
  try {
    if (args.includes('--help')) process.stdout.write(helpOf(command));
    else process.exitCode = await work(parse(command, args));
  } catch (error) {
    process.exitCode = report(command.name, error);
  }
}

/** An error of the person who typed: one line, and exit code 2. */
export function usageError(message: string): Error {
  return Object.assign(new Error(message), { exitCode: usageExitCode });
}

/** Returns the number that an option names; anything but a whole number is refused. */
export function wholeNumber(option: string, text: string): number {
  if (!/^\d+$/.test(text)) throw usageError(`${option} takes a whole number, not "${text}"`);
  return Number(text);
}

/** Returns the text of `--help`. */
export function helpOf({ name, about, options = {}, rest }: Command<Readonly<Record<string, Option>>>): string {
  const rows = Object.entries(options).map(([key, option]) => [flagOf(key, option), helpLine(option)] as const);
  rows.push(['--help', 'show this text']);
  const width = Math.max(...rows.map(([flag]) => flag.length));
  const all = rows.map(([flag, help]) => `  ${flag.padEnd(width)}  ${help}`);
  const usage = [name, '--', '[OPTION …]', rest === undefined ? '' : `[${rest}]`].join(' ').trim();
  return `${usage}\n\n${about}\n\n${all.join('\n')}\n`;
}

function flagOf(key: string, { type, value = 'TEXT' }: Option): string {
  return type === 'boolean' ? `--${key}` : `--${key} ${value}`;
}

function helpLine({ help, default: preset }: Option): string {
  return preset === undefined || preset === '' ? help : `${help} (default: ${preset})`;
}

function parse<Options extends Readonly<Record<string, Option>>>(
  { options, rest }: Command<Options>,
  args: readonly string[],
): Given<Options> {
  const descriptors = Object.fromEntries(
    Object.entries(options ?? {}).map(([key, { type, default: preset }]) => [
      key,
      type === 'boolean' ? { type, default: false } : { type, ...(preset === undefined ? {} : { default: preset }) },
    ]),
  );
  try {
    const given = parseArgs({ args: [...args], options: descriptors, allowPositionals: rest !== undefined });
    return { values: given.values as Values<Options>, rest: given.positionals };
  } catch (error) {
    throw usageError(firstSentence(messageOf(error)));
  }
}

/** Node explains at length; its first sentence names the argument. */
function firstSentence(text: string): string {
  const [first = ''] = text.split(/\.\s|\n/);
  return `${first.charAt(0).toLowerCase()}${first.slice(1)}`;
}

function report(name: string, error: unknown): number {
  const { message, stack, exitCode } =
    error instanceof Error ? (error as Error & { exitCode?: number }) : wrapped(error);
  if (exitCode === usageExitCode) {
    process.stderr.write(`${name}: ${message} (${name} -- --help lists what it takes)\n`);
    return usageExitCode;
  }
  // The progress line of the failed part has shown the reason already; the stack helps only a developer.
  process.stderr.write(`\naidboxops: ${process.env['DEBUG'] === undefined ? message : String(stack)}\n`);
  return 1;
}

function wrapped(thrown: unknown): { message: string; stack?: string; exitCode?: number } {
  return { message: String(thrown) };
}
